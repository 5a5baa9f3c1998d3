// express static and chokidar use node:fs itself: they meet the stack through install().
import { once } from 'node:events'
import { createServer } from 'node:http'
import { installed, load, loadModule, plant } from './places.js'

// It requires ES modules, which must be loaded before memory is installed: docs/conformance.md, on `install`.
load('express')

installed('express static', async (t, place) => {
  plant(place)
  const express = load('express')
  const app = express()
  app.use(express.static(place.dir))
  const server = createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const found = await fetch(`http://127.0.0.1:${port}/src/inner/note.txt`)
  t.is(await found.text(), 'a note\n')
  const part = await fetch(`http://127.0.0.1:${port}/src/inner/note.txt`, { headers: { range: 'bytes=2-5' } })
  t.is(await part.text(), 'note')
  t.is((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404)
  server.closeAllConnections()
  server.close()
})

installed('chokidar', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  const { watch } = await loadModule('chokidar')
  const seen: string[] = []
  const watcher = watch(`${dir}/src`, { usePolling: true, interval: 20, binaryInterval: 20 })
  const until = (what: string): Promise<void> =>
    new Promise((resolve) =>
      watcher.on('all', (event: string, path: string) => {
        seen.push(`${event} ${path.slice(dir.length + 1)}`)
        if (seen.includes(what)) resolve()
      }),
    )
  const added = until('add src/new.js')
  await once(watcher, 'ready')
  t.true(seen.includes('add src/a.js'))
  fs.writeFileSync(`${dir}/src/new.js`, 'new')
  await added
  const gone = until('unlink src/a.js')
  fs.unlinkSync(`${dir}/src/a.js`)
  await gone
  await watcher.close()
})
