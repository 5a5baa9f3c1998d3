/** A file that was made without a name gets one: guards judge that too. No method of the face asks for it, a mount does. */
import { constants } from 'node:fs'
import test from 'ava'
import { mountPoints, readOnly, sandbox } from '../../layers/index.js'
import { syncPlan } from '../../lib/driver/sync.js'
import type { Exchange } from '../../lib/exchange.js'
import { exchangeOf } from '../../lib/face/node-fs.js'
import { Failed, type Layer, type Op, type Reply, type Request, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'

const fixture = (layers: readonly Layer[]) => {
  const files = memory()
  for (const dir of ['/open', '/shut', '/none', '/point']) files.mkdirSync(dir)
  const x = exchangeOf(stack(files, layers)) as Exchange
  const ask = <O extends Op>(op: O, req: Request<O>): Reply<O> | Failed =>
    syncPlan(x, op)(req, x.context(x.caller)) as Reply<O> | Failed
  const make = (path: string) => ask('tmpfile', { path, flags: constants.O_RDWR, mode: 0o600 })
  const name = (fd: number, newPath: string) => {
    const out = ask('link', { path: '', fd, file: x.files.get(fd), newPath })
    return out instanceof Failed ? out.errno : out
  }
  return { files, make, name }
}

test('a sandbox judges where the name is, and where the file was made', (t) => {
  const rules = [
    { allow: ['*'], paths: ['/open/**', '/open'] },
    { allow: ['create', 'write', 'stat'], paths: ['/shut/**', '/shut'] },
  ] as const
  const { files, make, name } = fixture([sandbox({ rules })])
  const open = make('/open') as number
  t.is(name(open, '/none/x'), 'EACCES')
  t.is(name(open, '/open/../none/x'), 'EACCES')
  t.is(name(open, '/open/x'), undefined)
  t.true(files.existsSync('/open/x'))
  // There nobody may read, so here neither.
  const shut = make('/shut') as number
  t.is(name(shut, '/open/y'), 'EACCES')
  t.is(name(shut, '/shut/y'), undefined)
  t.true(make('/none') instanceof Failed)
  t.is(name(4711, '/open/z'), 'EBADF')
  t.deepEqual(files.readdirSync('/open'), ['x'])
})

test('nothing gets a name across filesystems, or where nothing may be written', (t) => {
  const across = fixture([mountPoints({ '/point': memory() })])
  const fd = across.make('/open') as number
  t.is(across.name(fd, '/point/x'), 'EXDEV')
  t.deepEqual(across.files.readdirSync('/point'), [])
  const quiet = fixture([readOnly()])
  t.true(quiet.make('/open') instanceof Failed)
  t.not(quiet.name(3, '/open/x'), undefined)
})
