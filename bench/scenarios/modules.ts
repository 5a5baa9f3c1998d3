/** TypeScript's module resolution over the real node_modules: most of what it asks for is not there. */
import * as nodeFs from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stack } from 'plyfs'
import { host } from 'plyfs/lower'
import ts from 'typescript'
import { type Area, counted, fiveLayers, total } from '../fixture.js'
import type { Fs } from '../peers.js'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
}
/** What resolution asks that no file's content answers. */
const METADATA = ['lookup', 'getattr', 'access', 'readlink', 'resolve', 'opendir', 'readdir']

interface Import {
  readonly from: string
  readonly name: string
}

/** Imports in the declarations of whatever is installed here: at most `each` of a package, `most` of them all. */
const importsOf = (each: number, most: number): Import[] => {
  const found: Import[] = []
  const seek = (dir: string, enough: number): void => {
    for (const entry of nodeFs.readdirSync(dir, { withFileTypes: true })) {
      if (found.length >= enough) return
      const path = join(dir, entry.name)
      if (entry.isDirectory()) seek(path, enough)
      else if (entry.name.endsWith('.d.ts')) {
        const { importedFiles } = ts.preProcessFile(nodeFs.readFileSync(path, 'utf8'), true, true)
        for (const { fileName } of importedFiles) found.push({ from: path, name: fileName })
      }
    }
  }
  const packages = join(ROOT, 'node_modules')
  for (const name of nodeFs.readdirSync(packages)) {
    if (found.length < most && !name.startsWith('.')) seek(join(packages, name), Math.min(most, found.length + each))
  }
  return found
}

/** A CompilerHost's share of resolution, as `ts.sys` does it over node:fs. */
const hostOf = (fs: Fs): ts.ModuleResolutionHost => ({
  fileExists: (path) => fs.statSync(path, { throwIfNoEntry: false })?.isFile() ?? false,
  directoryExists: (path) => fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  readFile: (path) => fs.readFileSync(path, 'utf8'),
  realpath: (path) => fs.realpathSync(path),
  getCurrentDirectory: () => ROOT,
  getDirectories: (path) =>
    fs
      .readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name),
})

/** Resolves every import; with TypeScript's own cache as one compilation has it, or without, as linters and loaders do. */
const resolveAll = (resolution: ts.ModuleResolutionHost, imports: readonly Import[], cached: boolean): number => {
  const own = cached ? ts.createModuleResolutionCache(ROOT, (name) => name, OPTIONS) : undefined
  let resolved = 0
  for (const { from, name } of imports) {
    if (ts.resolveModuleName(name, from, OPTIONS, resolution, own).resolvedModule !== undefined) resolved++
  }
  return resolved
}

export const modules: Area = async function* ({ smoke }) {
  // Resolution looks above the project too: nothing is out of bounds.
  const imports = smoke ? importsOf(5, 60) : importsOf(100, 2000)
  const removed = (cached: boolean): Record<string, number> => {
    const { above, below, layers } = counted(fiveLayers('/'))
    const resolution = hostOf(stack(host(), layers))
    const share = (run: string): Record<string, number> => {
      above.reset()
      below.reset()
      resolveAll(resolution, imports, cached)
      const asked = total(above.counts(), METADATA)
      const reached = total(below.counts(), METADATA)
      return {
        [`${run}: metadata requests above`]: asked,
        [`${run}: metadata requests that reach the lower`]: reached,
        [`${run}: removed, %`]: (100 * (asked - reached)) / asked,
      }
    }
    return { ...share('first run'), ...share('second run') }
  }
  const bare = hostOf(nodeFs)
  for (const cached of [false, true]) {
    let cold = bare
    const warm = hostOf(stack(host(), fiveLayers('/')))
    yield {
      name: cached ? 'modules/cached' : 'modules/plain',
      title: `TypeScript resolves ${imports.length} imports, ${cached ? 'with' : 'without'} a cache of its own`,
      ops: imports.length,
      contenders: [
        { name: 'node:fs', run: () => resolveAll(bare, imports, cached) },
        {
          name: 'plyfs, five layers, cold',
          before: () => {
            cold = hostOf(stack(host(), fiveLayers('/')))
          },
          run: () => resolveAll(cold, imports, cached),
        },
        { name: 'plyfs, five layers, warm', run: () => resolveAll(warm, imports, cached) },
      ],
      facts: () => removed(cached),
    }
  }
}
