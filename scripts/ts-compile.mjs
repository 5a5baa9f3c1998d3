// `node scripts/ts-compile.mjs [FILE]`: prints FILE's JavaScript. Where one file is not compiled yet, others are not: whatever
// of this repository is missing in the cache goes there too. To start a compiler is what takes time.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { build, transform } from 'esbuild'
import { bundle, keep, modulesIn, placeOf, root } from './ts-cache.mjs'

/** esbuild's. Nothing of tsconfig.json is looked for. */
const OPTIONS = {
  format: 'esm',
  target: 'es2022',
  sourcemap: 'inline',
  sourcesContent: false,
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
}

const compile = async (path, text, place) => {
  const options = { ...OPTIONS, loader: 'ts', sourcefile: basename(path), logLevel: 'silent' }
  const { code } = await transform(text, options)
  keep(place, code)
  return code
}

const compileIfMissing = (path) => {
  const text = readFileSync(path, 'utf8')
  const place = placeOf(path, text)
  return existsSync(place) ? undefined : compile(path, text, place)
}

const bundled = {
  ...OPTIONS,
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  packages: 'external',
  conditions: ['plyfs-source'],
  ignoreAnnotations: true,
  treeShaking: false,
  // One module has room for one `Blob`.
  keepNames: true,
  write: false,
  logLevel: 'silent',
}

/** All of plyfs in one module, which exports `a` of `lib/b.ts` as `lib/b.ts:a`. */
const compileBundle = async ({ modules, code, exports }) => {
  if (existsSync(code) && existsSync(exports)) return
  const each = { ...bundled, entryPoints: modules, splitting: true, metafile: true, outdir: dirname(code) }
  const { metafile } = await build(each)
  const names = {}
  for (const { entryPoint, exports } of Object.values(metafile.outputs)) {
    if (entryPoint !== undefined) names[entryPoint] = exports
  }
  const lines = modules.map((name) => {
    const list = names[name].map((each) => `${each} as ${JSON.stringify(`${name}:${each}`)}`)
    return `export { ${list.join(', ')} } from './${name}'`
  })
  const asModules = {
    name: 'as modules',
    setup(build) {
      // What is loaded when it is needed.
      build.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
        const to = relative(dirname(code), join(resolveDir, path.replace(/\.js$/, '.ts')))
        return kind === 'dynamic-import' ? { path: to, external: true } : undefined
      })
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const place = `new URL(${JSON.stringify(relative(dirname(code), path))}, import.meta.url).href`
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', place), loader: 'ts' }
      })
    },
  }
  const stdin = { contents: lines.join('\n'), resolveDir: root, loader: 'ts' }
  const { outputFiles } = await build({ ...bundled, stdin, outfile: code, plugins: [asModules] })
  keep(code, outputFiles[0].contents)
  keep(exports, JSON.stringify(names))
  forgetOld(dirname(code))
}

/** Each change of plyfs makes another bundle; runs that have begun may still be loading the last ones. */
const BUNDLES = 8
const forgetOld = (cache) => {
  const age = (name) => statSync(join(cache, name)).mtimeMs
  const all = readdirSync(cache).filter((name) => /^bundle-[0-9a-f]+\.m?js/.test(name))
  const old = all.sort((a, b) => age(b) - age(a)).slice(2 * BUNDLES)
  for (const name of old) rmSync(join(cache, name), { force: true })
}

const [asked] = process.argv.slice(2)
const missing = ['lib', 'layers', 'test', 'examples', 'bench']
  .flatMap(modulesIn)
  .map((name) => join(root, name))
  .filter((path) => path !== asked)
  .map(compileIfMissing)
// A mistake is for whoever loads it.
const others = Promise.allSettled([...missing, compileBundle(bundle())])
if (asked !== undefined) {
  try {
    const text = readFileSync(asked, 'utf8')
    process.stdout.write(await compile(asked, text, placeOf(asked, text)))
  } catch ({ message }) {
    console.error(message)
    process.exitCode = 1
  }
}
await others
