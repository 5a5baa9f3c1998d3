/** Who may do what through a mount, and what a change takes away: as on files of the kernel's own. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { type PlyFs, stack, withCaller } from '../../lib/index.js'
import { inMount, SOURCES } from './support.js'

/** The temporary directories around a mount are for their owner alone. */
const letIn = (mnt: string): void => {
  for (const dir of [mnt, dirname(mnt)]) fs.chmodSync(dir, 0o755)
}
/** A process of uid 4321, and the group 5555 beside its own. */
const as = (script: string, groups = '5555'): string =>
  execFileSync('setpriv', ['--reuid=4321', '--regid=4321', `--groups=${groups}`, '/bin/sh', '-ec', script], {
    cwd: '/',
    stdio: 'pipe',
    encoding: 'utf8',
  })

for (const defaultPermissions of [true, false]) {
  inMount(
    `memory: supplementary groups count, ${defaultPermissions ? 'the kernel judging' : 'the stack judging'}`,
    () => ({ lower: { memory: {} } }),
    (t, _mounted, { mnt }) => {
      letIn(mnt)
      const [dir, file] = [join(mnt, 'dir'), join(mnt, 'dir/file')]
      fs.mkdirSync(dir)
      fs.writeFileSync(file, 'text')
      for (const [path, mode] of [
        [dir, 0o770],
        [file, 0o640],
      ] as const) {
        fs.chownSync(path, 0, 5555)
        fs.chmodSync(path, mode)
      }
      t.is(as(`cat ${file}`), 'text')
      as(`echo more > ${dir}/mine; chgrp 5555 ${dir}/mine; mv ${dir}/mine ${dir}/other`)
      t.is(fs.statSync(join(dir, 'other')).gid, 5555)
      t.throws(() => as(`echo x > ${file}`))
      t.throws(() => as(`cat ${file}`, '5556'))
    },
    { defaultPermissions },
    'setpriv',
  )
}

test('nobody but a mount says that a caller has been judged', (t) => {
  const whole = stack()
  whole.writeFileSync('/secret', 'x', { mode: 0o600 })
  const other = { uid: 4321, gid: 4321, pid: 1, checked: true }
  t.throws(() => (withCaller(whole, other) as PlyFs).readFileSync('/secret'), { code: 'EACCES' })
})

for (const [name, source] of Object.entries(SOURCES)) {
  const title = `${name}: a change takes set-id bits away as on tmpfs, chown(-1, -1) too`
  const compare: Parameters<typeof inMount>[2] = (t, _mounted, place) => {
    letIn(place.mnt)
    const mnt = name === 'host' ? join(place.mnt, place.back) : place.mnt
    if (name === 'host') letIn(place.back)
    const native = fs.mkdtempSync('/dev/shm/plyfs-')
    t.teardown(() => fs.rmSync(native, { recursive: true }))
    fs.chmodSync(native, 0o755)
    const changes: readonly (readonly [string, (file: string) => void])[] = [
      ['> as another', (file) => as(`: > ${file}`)],
      ['>> as another', (file) => as(`echo x >> ${file}`)],
      ['truncate as another', (file) => as(`truncate -s 1 ${file}`)],
      ['> as root', (file) => fs.writeFileSync(file, '')],
      ['chown(-1, -1)', (file) => fs.chownSync(file, -1, -1)],
      ['chown', (file) => fs.chownSync(file, 7, 7)],
    ]
    for (const mode of [0o6777, 0o2676, 0o644]) {
      for (const [what, change] of changes) {
        if (mode === 0o644 && what !== 'chown(-1, -1)') continue
        const after = [mnt, native].map((dir) => {
          const file = join(dir, 'file')
          fs.writeFileSync(file, 'text')
          fs.chmodSync(file, mode)
          const { ctimeNs, mtimeNs } = fs.statSync(file, { bigint: true })
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
          change(file)
          const stats = fs.statSync(file, { bigint: true })
          fs.rmSync(file)
          const told = { mode: (Number(stats.mode) & 0o7777).toString(8), ctime: stats.ctimeNs > ctimeNs }
          return { ...told, mtime: stats.mtimeNs > mtimeNs }
        })
        t.deepEqual(after[0], after[1], `${what} of ${mode.toString(8)}`)
      }
    }
  }
  inMount(title, source, compare, {}, 'setpriv')
}
