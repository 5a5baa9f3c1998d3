/** Who may do what through a mount, and what a change takes away: as on files of the kernel's own. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { type PlyFs, stack, withCaller } from '../../lib/index.js'
import { FIVE, inMount } from './support.js'

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

for (const [name, layers] of [
  ['memory', []],
  ['memory, five layers', FIVE],
] as const) {
  for (const defaultPermissions of [true, false]) {
    inMount(
      `${name}: supplementary groups count, ${defaultPermissions ? 'the kernel judging' : 'the stack judging'}`,
      () => ({ lower: { memory: {} }, layers }),
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
    )
  }
}

test('nobody but a mount says that a caller has been judged', (t) => {
  const whole = stack()
  whole.writeFileSync('/secret', 'x', { mode: 0o600 })
  const other = { uid: 4321, gid: 4321, pid: 1, checked: true }
  t.throws(() => (withCaller(whole, other) as PlyFs).readFileSync('/secret'), { code: 'EACCES' })
})
