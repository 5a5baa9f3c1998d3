// The hooks of ts-loader.mjs.
import * as fs from 'node:fs'
import * as module from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bundle, placeOf, root } from './ts-cache.mjs'

// Whatever a test puts in their places.
const { existsSync, readFileSync } = fs
const TYPESCRIPT = /^file:[^?]*\.m?ts(?:\?|$)/
// A query asks for a copy of a module of one's own.
const SCRIPT = /^\.\.?\/[^?]*\.js(?:\?|$)/
/**
 * Where hooks have a thread of their own, each module costs as much as a short test. So all of plyfs is one module there, and
 * each of its modules gives out its part of that. Elsewhere, and with PLYFS_BUNDLE=0, each is a module by itself.
 */
const bundles = module.registerHooks === undefined && process.env.PLYFS_BUNDLE !== '0'
const compiler = fileURLToPath(new URL('./ts-compile.mjs', import.meta.url))

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
  const source = (url.includes('?') ? undefined : partOfBundle(path)) ?? compiled(path, readFileSync(path, 'utf8'))
  return { format: 'module', source, shortCircuit: true }
}

let whole
const partOfBundle = (path) => {
  if (!bundles || !/^(?:lib|layers)\//.test(relative(root, path))) return undefined
  whole ??= wholeBundle()
  const name = relative(root, path)
  const names = whole.names[name]?.map((each) => `${JSON.stringify(`${name}:${each}`)} as ${each}`)
  return names && `export { ${names.join(', ')} } from ${JSON.stringify(whole.url)}`
}
/** For who starts many processes: they need not all find that it is missing. */
export const prepare = () => {
  if (bundles) whole ??= wholeBundle()
}
const wholeBundle = () => {
  const { code, exports } = bundle()
  if (!existsSync(exports)) compile()
  // A mistake in any module, and each is loaded by itself: so it is told where it belongs.
  const names = existsSync(exports) ? JSON.parse(readFileSync(exports, 'utf8')) : {}
  return { url: pathToFileURL(code).href, names }
}

const compiled = (path, text) => {
  try {
    return readFileSync(placeOf(path, text), 'utf8')
  } catch {
    return compile(path)
  }
}

const compile = (...args) => {
  const { execFileSync } = process.getBuiltinModule('node:child_process')
  const stdio = ['ignore', 'pipe', 'inherit']
  return execFileSync(process.execPath, [compiler, ...args], { encoding: 'utf8', maxBuffer: 1 << 28, stdio })
}
