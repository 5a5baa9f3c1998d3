// Where ts-loader.mjs keeps the JavaScript of TypeScript files.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Whatever a test puts in their places.
const { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } = fs
export const root = fileURLToPath(new URL('../', import.meta.url))
const cache = join(root, 'node_modules/.cache/ts')

const compiler = readFileSync(new URL('./ts-compile.mjs', import.meta.url))
const hash = () => createHash('sha1').update(compiler)

/** Not by directory, which is nowhere in what is compiled: a copy of this repository compiles nothing again. */
export const placeOf = (path, text) =>
  join(
    cache,
    `${hash()
      .update(`\0${basename(path)}\0${text}`)
      .digest('hex')}.js`,
  )

/** Paths from the root of the TypeScript modules in a folder. */
export const modulesIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.m?ts$/.test(name))
    .map((name) => `${folder}/${name}`)

/** They do something when they are loaded: programs, and threads. */
const ENTRIES = new Set(['lib/cli.ts', 'lib/register.ts', 'lib/fuse/reader.ts', 'lib/fuse/worker.ts'])

/** What is bundled, and where the bundle and the list of its exports are. */
export const bundle = () => {
  const modules = ['lib', 'layers']
    .flatMap(modulesIn)
    .filter((name) => !ENTRIES.has(name))
    .sort()
  const key = hash()
  for (const name of modules) key.update(`\0${name}\0${readFileSync(join(root, name), 'utf8')}`)
  const place = join(cache, `bundle-${key.digest('hex')}`)
  return { modules, code: `${place}.mjs`, exports: `${place}.json` }
}

export const keep = (place, text) => {
  try {
    mkdirSync(cache, { recursive: true })
    // Others that compile it at the same time never see half of it.
    const temporary = `${place}.${process.pid}-${Math.random()}`
    writeFileSync(temporary, text)
    renameSync(temporary, place)
  } catch {
    // Without a cache it is slower.
  }
}
