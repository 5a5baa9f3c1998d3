/** Descriptors that come from another process. */
import { spawnSync } from 'node:child_process'
import { closeSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { calls, errno, ok, serial } from './support.js'

serial('a descriptor that another process sends', (t, dir) => {
  const [ours, theirs] = ok(calls.socketpair()) as readonly [number, number]
  try {
    t.is(calls.receiveFd(ours), -errno.EAGAIN)
    const file = join(dir, 'file')
    writeFileSync(file, 'sent')
    const script = `import os, socket; socket.send_fds(socket.socket(fileno=3), [b'x'], [os.open('${file}', os.O_RDONLY)])`
    const { status } = spawnSync('python3', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit', theirs] })
    if (status === null) return t.log('no python3 to send one')
    t.is(status, 0)
    const fd = ok(calls.receiveFd(ours))
    t.is(readFileSync(fd, 'utf8'), 'sent')
    // FD_CLOEXEC
    t.regex(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s*0*2\d*$/m)
    closeSync(fd)
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
})

serial('a message without a descriptor', (t) => {
  const [ours, theirs] = ok(calls.socketpair()) as readonly [number, number]
  writeFileSync(theirs, 'x')
  t.is(calls.receiveFd(ours), -errno.ENODATA)
  closeSync(theirs)
  closeSync(ours)
})
