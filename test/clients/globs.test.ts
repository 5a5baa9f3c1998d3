// fast-glob, glob, tinyglobby, globby: they list through the functions that they are given.
import { both, load, loadModule, plant } from './places.js'

const FOUND = ['src/a.js', 'src/inner/b.js']

both('fast-glob', async (t, place) => {
  plant(place)
  const fastGlob = load('fast-glob')
  const options = { cwd: place.dir, fs: place.fs, followSymbolicLinks: false }
  t.deepEqual((await fastGlob('**/*.js', options)).sort(), FOUND)
  t.deepEqual(fastGlob.sync('**/*.js', { ...options, stats: true, objectMode: true }).length, 2)
})

both('glob', async (t, place) => {
  plant(place)
  const { glob, globSync } = await loadModule('glob')
  t.deepEqual((await glob('src/**/*.js', { cwd: place.dir, fs: place.fs })).sort(), FOUND)
  t.deepEqual(globSync('src/**/*.js', { cwd: place.dir, fs: place.fs }).sort(), FOUND)
})

both('tinyglobby', async (t, place) => {
  plant(place)
  const { glob, globSync } = await loadModule('tinyglobby')
  const options = { cwd: place.dir, fs: place.fs, followSymbolicLinks: false }
  t.deepEqual((await glob('**/*.js', options)).sort(), FOUND)
  t.deepEqual(globSync('**/*.js', options).sort(), FOUND)
})

both('globby', async (t, place) => {
  plant(place)
  place.fs.writeFileSync(`${place.dir}/.gitignore`, 'inner\n')
  const { globby, globbySync } = await loadModule('globby')
  const options = { cwd: place.dir, fs: place.fs, followSymbolicLinks: false }
  t.deepEqual((await globby('**/*.js', options)).sort(), FOUND)
  t.deepEqual(globbySync('**/*.js', { ...options, gitignore: true }), ['src/a.js'])
})
