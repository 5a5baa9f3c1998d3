// The hooks of ts-loader.mjs.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Whatever a test puts in their places.
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = fs
const cache = fileURLToPath(new URL('../node_modules/.cache/ts/', import.meta.url))
const OPTIONS = { target: 'ES2022', module: 'ESNext', inlineSourceMap: true, verbatimModuleSyntax: true }
const TYPESCRIPT = /^file:[^?]*\.m?ts(?:\?|$)/
// A query asks for a copy of a module of one's own.
const SCRIPT = /^\.\.?\/[^?]*\.js(?:\?|$)/

/** `./name.js` of a TypeScript module is `./name.ts`, as for tsc. */
export const resolve = (specifier, context, next) => {
  if (SCRIPT.test(specifier) && TYPESCRIPT.test(context.parentURL ?? '')) {
    const url = new URL(specifier.replace(/\.js(?=\?|$)/, '.ts'), context.parentURL)
    if (existsSync(url)) return { url: url.href, format: 'module', shortCircuit: true }
  }
  return next(specifier, context)
}

export const load = (url, context, next) => {
  if (!TYPESCRIPT.test(url)) return next(url, context)
  const path = fileURLToPath(url)
  return { format: 'module', source: compiled(path, readFileSync(path, 'utf8')), shortCircuit: true }
}

const compiled = (path, text) => {
  // Not by directory, which is nowhere in what is compiled: a copy of this repository compiles nothing again.
  const key = createHash('sha1')
    .update(`${JSON.stringify(OPTIONS)}\0${basename(path)}\0${text}`)
    .digest('hex')
  const file = join(cache, `${key}.js`)
  try {
    return readFileSync(file, 'utf8')
  } catch {
    const source = transpiled(path, text)
    try {
      mkdirSync(cache, { recursive: true })
      // Others that compile it at the same time never see half of it.
      const temporary = `${file}.${process.pid}-${Math.random()}`
      writeFileSync(temporary, source)
      renameSync(temporary, file)
    } catch {
      // Without a cache it is slower.
    }
    return source
  }
}

let ts
const transpiled = (fileName, text) => {
  ts ??= createRequire(import.meta.url)('typescript')
  const compilerOptions = ts.convertCompilerOptionsFromJson(OPTIONS, '.').options
  return ts.transpileModule(text, { fileName: basename(fileName), compilerOptions }).outputText
}
