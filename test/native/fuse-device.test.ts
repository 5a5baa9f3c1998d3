/** The wire and the ioctls against the kernel itself: a mount that nobody looks into, and the device's own answers. */
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { FUSE_KERNEL_MINOR_VERSION, FUSE_ROOT_ID, INIT_FLAGS } from '../../lib/fuse/abi.js'
import { decode } from '../../lib/fuse/decode.js'
import { encodeDelete, encodeIncEpoch, encodeInvalEntry, encodeInvalInode } from '../../lib/fuse/notify.js'
import { ROWS } from '../../lib/fuse/opcodes.js'
import { RequestWire, replyTo, Wire } from '../../lib/fuse/wire.js'
import { MNT_DETACH, MS_NODEV, MS_NOSUID } from '../../lib/native/index.js'
import { calls, errno, rootOnly } from './support.js'

rootOnly('INIT with passthrough, backing files, a second queue, notifications', (t, dir) => {
  const device = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK)
  const options = `fd=${device},rootmode=40000,user_id=0,group_id=0`
  t.is(calls.mount('plyfs-test', dir, 'fuse.plyfs-test', MS_NOSUID | MS_NODEV, options), 0)
  const file = openSync(join(import.meta.dirname, 'fuse-device.test.ts'), 'r')
  const second = openSync('/dev/fuse', 'r+')
  try {
    t.is(calls.backing_open(device, file), -errno.EPERM)

    const request = new RequestWire(Buffer.alloc(65536))
    const init = decode(request, readSync(device, request.bytes))
    if (init.op !== 'init') return t.fail(`${init.op}`)
    t.is(init.args.major, 7)
    const { minor, flags, max_readahead } = init.args
    const out = new Wire(Buffer.alloc(256))
    replyTo(out, request)
    const passthrough = minor >= 40 && (flags & INIT_FLAGS.FUSE_PASSTHROUGH) !== 0n
    const length = ROWS.init.encode(out, {
      major: 7,
      minor: Math.min(minor, FUSE_KERNEL_MINOR_VERSION),
      max_readahead,
      flags: flags & INIT_FLAGS.FUSE_PASSTHROUGH,
      max_background: 12,
      congestion_threshold: 9,
      max_write: 131072,
      time_gran: 1,
      max_pages: 32,
      map_alignment: 0,
      max_stack_depth: 1,
      request_timeout: 0,
    })
    t.is(writeSync(device, out.bytes, 0, length), length)

    if (passthrough) {
      const id = calls.backing_open(device, file)
      t.true(id > 0)
      t.is(calls.backing_close(device, id), 0)
      t.is(calls.backing_close(device, id), -errno.ENOENT)
      const directory = openSync('/', 'r')
      t.true(calls.backing_open(device, directory) < 0)
      closeSync(directory)
      t.is(calls.backing_open(device, directory), -errno.EBADF)
    }
    t.is(calls.clone(second, device), 0)
    t.is(calls.clone(second, file), -errno.EINVAL)

    const send = (length: number): string => {
      try {
        writeSync(second, out.bytes, 0, length)
        return 'known'
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? ''
      }
    }
    t.is(send(encodeInvalInode(out, FUSE_ROOT_ID, -1, 0)), 'known')
    t.is(send(encodeInvalInode(out, 99, 0, 0)), 'ENOENT')
    t.is(send(encodeInvalEntry(out, FUSE_ROOT_ID, 'name', 0)), 'ENOENT')
    t.is(send(encodeDelete(out, FUSE_ROOT_ID, 99, 'name')), 'ENOENT')
    t.is(send(encodeIncEpoch(out)), minor >= 44 ? 'known' : 'EINVAL')
    t.throws(() => writeFileSync(second, 'no message'), { code: 'EINVAL' })
  } finally {
    t.is(calls.umount2(dir, MNT_DETACH), 0)
    for (const fd of [file, second, device]) closeSync(fd)
  }
})
