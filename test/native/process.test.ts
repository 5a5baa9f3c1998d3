/** What belongs to the process or the thread: credentials, the file mode mask, mounts, FUSE's ioctls. */
import { accessSync, chmodSync, closeSync, openSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { MNT_DETACH, MS_NODEV, MS_NOSUID, UMOUNT_NOFOLLOW } from '../../lib/native/index.js'
import { calls, errno, ok, rootOnly, serial } from './support.js'

const tasks = () => readFileSync('/proc/thread-self/status', 'utf8')

serial('umask', (t, dir) => {
  const before = calls.umask(0o027)
  try {
    t.is(process.umask(), 0o027)
    writeFileSync(join(dir, 'file'), '')
    t.is(statSync(join(dir, 'file')).mode & 0o777, 0o640)
  } finally {
    t.is(calls.umask(before), 0o027)
  }
})

rootOnly('setfsuid changes whose files these are, for this thread', (t, dir) => {
  chmodSync(dir, 0o777)
  writeFileSync(join(dir, 'secret'), '', { mode: 0o600 })
  t.is(calls.setfsgid(4321), 0)
  t.is(calls.setfsuid(1234), 0)
  try {
    t.is(calls.setfsuid(-1), 1234)
    t.throws(() => accessSync('/nonexistent'), { code: 'ENOENT' })
    t.throws(() => readFileSync(join(dir, 'secret')), { code: 'EACCES' })
    writeFileSync(join(dir, 'mine'), '')
  } finally {
    t.is(calls.setfsuid(0), 1234)
    t.is(calls.setfsgid(0), 4321)
  }
  const { uid, gid } = statSync(join(dir, 'mine'))
  t.deepEqual([uid, gid], [1234, 4321])
  t.is(readFileSync(join(dir, 'secret'), 'utf8'), '')
})

rootOnly('setgroups is this thread’s only, in a worker too', async (t) => {
  const before = ok(calls.getgroups())
  t.is(calls.setgroups([1, 22, 4_000_000_000]), 0)
  try {
    t.deepEqual(calls.getgroups(), [1, 22, 4_000_000_000])
    t.regex(tasks(), /Groups:\s1 22 4000000000/)
    const worker = new Worker(new URL('./groups-worker.ts', import.meta.url))
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    t.deepEqual(answer, [0, [7], 0, 55])
    t.deepEqual(calls.getgroups(), [1, 22, 4_000_000_000])
    t.is(calls.setgroups(Array(2000).fill(1)), -errno.EINVAL)
  } finally {
    t.is(calls.setgroups(before), 0)
  }
})

rootOnly('mount and umount2', (t, dir) => {
  t.is(calls.mount('plyfs-test', dir, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=1m,mode=0711'), 0)
  try {
    t.is(statfsSync(dir).type, 0x01021994)
    t.is(statSync(dir).mode & 0o777, 0o711)
    t.true(readFileSync('/proc/self/mountinfo', 'utf8').includes('plyfs-test'))
    const fd = openSync(join(dir, 'busy'), 'w')
    t.is(calls.umount2(dir, 0), -errno.EBUSY)
    closeSync(fd)
  } finally {
    t.is(calls.umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW), 0)
  }
  t.is(calls.umount2(dir, 0), -errno.EINVAL)
  t.is(calls.mount('none', dir, 'nosuchfs', 0, ''), -errno.ENODEV)
  t.is(calls.mount('none', join(dir, 'none'), 'tmpfs', 0, ''), -errno.ENOENT)
  t.is(calls.mount('none', dir, 'tmpfs', 0, 'x'.repeat(5000)), -errno.EINVAL)
})

rootOnly('FUSE’s ioctls on a device without a session', (t, dir) => {
  const device = openSync('/dev/fuse', 'r+')
  const file = openSync(join(dir, 'file'), 'w')
  t.true(calls.backing_open(device, file) < 0)
  t.true(calls.backing_close(device, 1) < 0)
  t.true(calls.clone(device, file) < 0)
  t.is(calls.backing_open(file, file), -errno.ENOTTY)
  closeSync(device)
  closeSync(file)
})
