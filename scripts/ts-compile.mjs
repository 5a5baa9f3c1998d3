// `node scripts/ts-compile.mjs FILE`: prints FILE's JavaScript. Where one file is not compiled yet, others are not: whatever else
// of this repository is missing in the cache goes there too. To start a compiler is what takes time.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { keep, OPTIONS, placeOf } from './ts-cache.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const FOLDERS = ['lib', 'layers', 'test', 'examples', 'bench']

const compile = async (path, text, place) => {
  const { code } = await transform(text, { ...OPTIONS, sourcefile: basename(path), logLevel: 'silent' })
  keep(place, code)
  return code
}

/** A mistake in it is for whoever loads it. */
const compileIfMissing = (path) => {
  const text = readFileSync(path, 'utf8')
  const place = placeOf(path, text)
  return existsSync(place) ? undefined : compile(path, text, place).catch(() => undefined)
}

const [asked] = process.argv.slice(2)
const text = readFileSync(asked, 'utf8')
const missing = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
)
  .filter((path) => /\.m?ts$/.test(path) && path !== asked)
  .map(compileIfMissing)
try {
  process.stdout.write(await compile(asked, text, placeOf(asked, text)))
} catch (mistake) {
  console.error(mistake.message)
  process.exitCode = 1
}
await Promise.all(missing)
