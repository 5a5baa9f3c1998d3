// graceful-fs, proper-lockfile, archiver, tar, cacache, write-file-atomic, fs-extra, yauzl, klaw, jsonfile.
import { once } from 'node:events'
import { both, installed, load, loadModule, plant } from './places.js'

both('graceful-fs', async (t, { fs, dir }) => {
  const graceful = load('graceful-fs').gracefulify({ ...fs })
  graceful.writeFileSync(`${dir}/a`, 'one')
  await new Promise((resolve) => graceful.appendFile(`${dir}/a`, ' two', resolve))
  t.is(
    await new Promise((resolve) => graceful.readFile(`${dir}/a`, 'utf8', (_: unknown, v: string) => resolve(v))),
    'one two',
  )
  const pieces: Buffer[] = []
  for await (const piece of graceful.createReadStream(`${dir}/a`)) pieces.push(piece)
  t.is(Buffer.concat(pieces).toString(), 'one two')
})

both('proper-lockfile', async (t, { fs, dir }) => {
  const lockfile = load('proper-lockfile')
  fs.writeFileSync(`${dir}/state`, '')
  const release = await lockfile.lock(`${dir}/state`, { fs })
  t.true(await lockfile.check(`${dir}/state`, { fs }))
  await t.throwsAsync(lockfile.lock(`${dir}/state`, { fs }), { code: 'ELOCKED' })
  await release()
  t.false(await lockfile.check(`${dir}/state`, { fs }))
})

both('archiver into yauzl', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  const { ZipArchive } = await loadModule('archiver')
  const archive = new ZipArchive()
  const out = fs.createWriteStream(`${dir}/out.zip`)
  archive.pipe(out)
  archive.append(fs.createReadStream(`${dir}/src/a.js`), { name: 'a.js' })
  archive.finalize()
  await once(out, 'close')
  const names: string[] = []
  const bytes = fs.readFileSync(`${dir}/out.zip`)
  await new Promise<void>((resolve, reject) => {
    load('yauzl').fromBuffer(bytes, { lazyEntries: false }, (error: Error | null, zip: NodeJS.EventEmitter) => {
      if (error !== null) return reject(error)
      zip.on('entry', (entry: { fileName: string }) => names.push(entry.fileName)).on('end', resolve)
    })
  })
  t.deepEqual(names, ['a.js'])
})

both('serve-handler', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  const { createServer } = await import('node:http')
  const handler = load('serve-handler')
  const methods = {
    lstat: fs.promises.lstat,
    realpath: fs.promises.realpath,
    readdir: fs.promises.readdir,
    createReadStream: fs.createReadStream,
  }
  const server = createServer((req, res) => void handler(req, res, { public: dir }, methods))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const found = await fetch(`http://127.0.0.1:${port}/src/inner/note.txt`)
  t.is(await found.text(), 'a note\n')
  t.is((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404)
  server.closeAllConnections()
  server.close()
})

installed('fs-extra', async (t, { fs, dir }) => {
  const extra = load('fs-extra')
  await extra.outputFile(`${dir}/x/y/z.txt`, 'deep')
  await extra.outputJson(`${dir}/x/data.json`, { n: 1 })
  t.deepEqual(await extra.readJson(`${dir}/x/data.json`), { n: 1 })
  await extra.copy(`${dir}/x`, `${dir}/copy`)
  t.is(fs.readFileSync(`${dir}/copy/y/z.txt`, 'utf8'), 'deep')
  extra.moveSync(`${dir}/copy`, `${dir}/moved`)
  await extra.remove(`${dir}/x`)
  t.deepEqual(fs.readdirSync(dir), ['moved'])
})

installed('tar', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  const tar = await loadModule('tar')
  await tar.create({ file: `${dir}/out.tgz`, cwd: dir, gzip: true }, ['src'])
  fs.mkdirSync(`${dir}/into`)
  await tar.extract({ file: `${dir}/out.tgz`, cwd: `${dir}/into` })
  t.is(fs.readFileSync(`${dir}/into/src/inner/note.txt`, 'utf8'), 'a note\n')
})

installed('cacache', async (t, { dir }) => {
  const cacache = load('cacache')
  await cacache.put(`${dir}/cache`, 'key', 'some data')
  t.is((await cacache.get(`${dir}/cache`, 'key')).data.toString(), 'some data')
  t.deepEqual(Object.keys(await cacache.ls(`${dir}/cache`)), ['key'])
  await cacache.rm.entry(`${dir}/cache`, 'key', { removeFully: true })
  await t.throwsAsync(cacache.get(`${dir}/cache`, 'key'))
})

installed('write-file-atomic', async (t, { fs, dir }) => {
  const write = load('write-file-atomic')
  await Promise.all([write(`${dir}/a`, 'first'), write(`${dir}/a`, 'second')])
  t.is(fs.readFileSync(`${dir}/a`, 'utf8'), 'second')
  write.sync(`${dir}/a`, 'third')
  t.is(fs.readFileSync(`${dir}/a`, 'utf8'), 'third')
  t.deepEqual(fs.readdirSync(dir), ['a'])
})

installed('klaw', async (t, place) => {
  plant(place)
  const { dir } = place
  const { default: klaw } = await loadModule('klaw')
  const found: string[] = []
  for await (const { path, stats } of klaw(`${dir}/src`))
    found.push(`${path.slice(dir.length)}${stats.isDirectory() ? '/' : ''}`)
  t.deepEqual(found.sort(), ['/src/', '/src/a.js', '/src/inner/', '/src/inner/b.js', '/src/inner/note.txt'])
  const flat: string[] = []
  for await (const { path } of klaw(`${dir}/src`, { depthLimit: 0 })) flat.push(path.slice(dir.length))
  t.deepEqual(flat.sort(), ['/src', '/src/a.js', '/src/inner'])
})

installed('jsonfile', async (t, { dir }) => {
  const jsonfile = load('jsonfile')
  const file = `${dir}/data.json`
  await jsonfile.writeFile(file, { one: 1 }, { spaces: 2 })
  t.deepEqual(await jsonfile.readFile(file), { one: 1 })
  jsonfile.writeFileSync(file, { two: [2] })
  t.deepEqual(jsonfile.readFileSync(file), { two: [2] })
  await t.throwsAsync(jsonfile.readFile(`${dir}/none.json`), { code: 'ENOENT' })
  t.is(jsonfile.readFileSync(`${dir}/none.json`, { throws: false }), null)
})
