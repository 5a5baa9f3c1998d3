// Where ts-loader.mjs keeps the JavaScript of TypeScript files.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Whatever a test puts in their places.
const { mkdirSync, renameSync, writeFileSync } = fs
const cache = fileURLToPath(new URL('../node_modules/.cache/ts/', import.meta.url))

/** esbuild's. Names and line numbers of what runs are those of the source. */
export const OPTIONS = {
  loader: 'ts',
  format: 'esm',
  target: 'es2022',
  sourcemap: 'inline',
  sourcesContent: false,
  // Nothing of tsconfig.json is looked for.
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
}
const options = JSON.stringify(OPTIONS)

/** Not by directory, which is nowhere in what is compiled: a copy of this repository compiles nothing again. */
export const placeOf = (path, text) => {
  const key = createHash('sha1')
    .update(`${options}\0${basename(path)}\0${text}`)
    .digest('hex')
  return join(cache, `${key}.js`)
}

export const keep = (place, source) => {
  try {
    mkdirSync(cache, { recursive: true })
    // Others that compile it at the same time never see half of it.
    const temporary = `${place}.${process.pid}-${Math.random()}`
    writeFileSync(temporary, source)
    renameSync(temporary, place)
  } catch {
    // Without a cache it is slower.
  }
}
