// The hooks of ts-loader.mjs.
import * as fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { placeOf } from './ts-cache.mjs'

// Whatever a test puts in their places.
const { existsSync, readFileSync } = fs
const compiler = fileURLToPath(new URL('./ts-compile.mjs', import.meta.url))
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
  const place = placeOf(path, text)
  try {
    return readFileSync(place, 'utf8')
  } catch {
    const { execFileSync } = process.getBuiltinModule('node:child_process')
    return execFileSync(process.execPath, [compiler, path], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }
}
