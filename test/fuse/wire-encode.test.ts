import { constants } from 'node:os'
import test, { type ExecutionContext } from 'ava'
import {
  DT_BLK,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  DT_SOCK,
  DT_UNKNOWN,
  dtOfMode,
  dtOfUv,
  FUSE_EXPIRE_ONLY,
  type FuseOp,
  INIT_FLAGS,
} from '../../lib/fuse/abi.js'
import { putDirent } from '../../lib/fuse/dirent.js'
import { encodeBytes, encodeEmpty, encodeEntry, encodeError, encodeInPlace } from '../../lib/fuse/encode.js'
import { encodeDelete, encodeIncEpoch, encodeInvalEntry, encodeInvalInode } from '../../lib/fuse/notify.js'
import { ROWS } from '../../lib/fuse/opcodes.js'
import type { Attr, Direntplus, EntryOut, ReplyTable } from '../../lib/fuse/reply.js'
import { REPLY, RequestWire, replyTo, replyToUnique, Wire } from '../../lib/fuse/wire.js'
import { NOTIFICATIONS, REPLIES, REQUESTS } from './wire-fixtures.js'

const { EIO, ENOENT } = constants.errno
const UNIQUE = 0x8000000000001234n

const attr: Attr = {
  ino: 0x1122334455,
  size: 0x123456789an,
  blocks: 77,
  atime: 1_600_000_000,
  mtime: -5,
  ctime: 3n,
  atimensec: 123_456_789,
  mtimensec: 999_999_999,
  ctimensec: 1,
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 1001,
  rdev: 0x103,
  blksize: 4096,
  flags: 1,
}
const entry: EntryOut = { nodeid: 9, generation: 7n, entry_valid: 1.5, attr_valid: 2.25, attr }
const open = { fh: 5, open_flags: 0x80, backing_id: 3 }
const bytes = Buffer.from([0, 1, 2, 255])

/** Memory with old bytes in it, as a session's has. */
const dirty = (size = 4096): Wire => {
  const out = new Wire(Buffer.alloc(size, 0xaa))
  replyToUnique(out, UNIQUE)
  return out
}
const hex = (out: Wire, length: number): string => out.bytes.toString('hex', 0, length)
const check = <O extends FuseOp>(t: ExecutionContext, op: O, reply: ReplyTable[O], expected: string): void => {
  const out = dirty()
  t.is(hex(out, ROWS[op].encode(out, reply)), expected, op)
  // One byte too small is no exception, and no message cut short.
  const length = expected.length / 2
  if (length > REPLY) t.true(ROWS[op].encode(dirty(length - 1), reply) < length)
}

test('every reply, byte for byte', (t) => {
  for (const op of ['lookup', 'symlink', 'mknod', 'mkdir', 'link'] as const) check(t, op, entry, REPLIES.entry)
  for (const op of ['getattr', 'setattr'] as const) check(t, op, { attr_valid: 2.25, attr }, REPLIES.attr)
  for (const op of ['open', 'opendir'] as const) check(t, op, open, REPLIES.open)
  for (const op of ['create', 'tmpfile'] as const) check(t, op, { ...entry, ...open }, REPLIES.create)
  check(t, 'readlink', '../café\udcff', REPLIES.readlink)
  check(t, 'readlink', Buffer.from('../caf\xc3\xa9\xff', 'latin1'), REPLIES.readlink)
  check(t, 'read', bytes, REPLIES.read)
  check(t, 'getxattr', bytes, REPLIES.read)
  check(t, 'getxattr', 20, REPLIES.getxattr_size)
  check(t, 'listxattr', 20, REPLIES.getxattr_size)
  for (const op of ['write', 'copy_file_range'] as const) check(t, op, 4, REPLIES.write)
  check(t, 'poll', 5, REPLIES.poll)
  check(t, 'bmap', 3, REPLIES.bmap)
  for (const op of ['lseek', 'copy_file_range_64'] as const) check(t, op, 0x123456789an, REPLIES.lseek)
  check(t, 'getlk', { start: 1n, end: 2n ** 63n - 1n, type: 1, pid: 99 }, REPLIES.lk)
  check(
    t,
    'ioctl',
    { result: -1, flags: 4, in_iovs: 1, out_iovs: 2, data: Uint8Array.from(Buffer.from('abcd')) },
    REPLIES.ioctl,
  )
  check(
    t,
    'statfs',
    { blocks: 0x123456789an, bfree: 2, bavail: 3, files: 4, ffree: 5n, bsize: 4096, namelen: 255, frsize: 512 },
    REPLIES.statfs,
  )
  check(
    t,
    'statx',
    {
      attr_valid: 2.25,
      stat: {
        mask: 0xfff,
        blksize: 4096,
        attributes: 0x30n,
        nlink: 2,
        uid: 1000,
        gid: 1001,
        mode: 0o100644,
        ino: 0x1122334455n,
        size: 0x123456789a,
        blocks: 77,
        attributes_mask: 0x3ff,
        atime: 1_600_000_000,
        atimensec: 1,
        btime: -5,
        btimensec: 2,
        ctime: 3,
        ctimensec: 3,
        mtime: 4,
        mtimensec: 4,
        rdev_major: 1,
        rdev_minor: 3,
        dev_major: 8,
        dev_minor: 1,
      },
    },
    REPLIES.statx,
  )
  const silent = [
    'unlink',
    'rmdir',
    'rename',
    'rename2',
    'release',
    'fsync',
    'setxattr',
    'removexattr',
    'flush',
  ] as const
  for (const op of silent) check(t, op, undefined, REPLIES.empty)
})

test('INIT: 64 bytes, and FUSE_INIT_EXT by itself where the high half says anything', (t) => {
  const init = {
    major: 7,
    minor: 45,
    max_readahead: 131072,
    flags: INIT_FLAGS.FUSE_ASYNC_READ | INIT_FLAGS.FUSE_PASSTHROUGH,
    max_background: 12,
    congestion_threshold: 9,
    max_write: 1048576,
    time_gran: 1,
    max_pages: 256,
    map_alignment: 0,
    max_stack_depth: 2,
    request_timeout: 30,
  }
  check(t, 'init', init, REPLIES.init)
  const out = dirty()
  t.is(ROWS.init.encode(out, { ...init, flags: 1n }), 80)
  t.is(out.bytes.readUInt32LE(28), 1)
})

test('errors, of either sign; never a number that the kernel refuses', (t) => {
  const out = dirty()
  t.is(hex(out, encodeError(out, -ENOENT)), REPLIES.error)
  t.is(hex(out, encodeError(out, ENOENT)), REPLIES.error)
  for (const bad of [0, 512, -4095, Number.NaN]) {
    t.is(encodeError(out, bad), 16)
    t.is(out.bytes.readInt32LE(4), -EIO)
  }
  t.is(hex(out, encodeEmpty(out)), REPLIES.empty)
})

test('a reply carries its request’s number', (t) => {
  const request = new RequestWire(Buffer.from(REQUESTS.read, 'hex'))
  const out = new Wire(Buffer.alloc(64))
  replyTo(out, request)
  t.is(hex(out, encodeEmpty(out)), REPLIES.empty)
})

test('bytes that were read into place, and bytes that do not fit', (t) => {
  const out = dirty(24)
  out.bytes.set(bytes, REPLY)
  t.is(hex(out, encodeInPlace(out, 4)), REPLIES.read)
  t.is(encodeInPlace(out, 9), -EIO)
  t.is(encodeBytes(out, Buffer.alloc(9)), -EIO)
  t.is(encodeBytes(out, '€€€'), -EIO)
  t.is(encodeBytes(out, '€€12'), 24)
  t.is(encodeBytes(out, ''), 16)
})

test('how long an answer is good for', (t) => {
  const out = dirty()
  const valid = (seconds: number) => {
    encodeEntry(out, { ...entry, entry_valid: seconds })
    return [Number(out.bytes.readBigUInt64LE(REPLY + 16)), out.bytes.readUInt32LE(REPLY + 32)]
  }
  t.deepEqual(valid(0), [0, 0])
  t.deepEqual(valid(0.25), [0, 250_000_000])
  t.deepEqual(valid(86400), [86400, 0])
  t.deepEqual(valid(Infinity), [0xffffffff, 0])
  t.deepEqual(valid(-1), [0, 0])
  t.deepEqual(valid(Number.NaN), [0, 0])
})

const entries = [
  { ino: 1, off: 1, type: DT_DIR, name: '.' },
  { ino: 0x1122334455, off: 2, type: DT_REG, name: '12345678' },
  { ino: 3n, off: 3n, type: DT_LNK, name: 'café\udcff' },
]

test('a listing, as much of it as fits', (t) => {
  check(t, 'readdir', { size: 2048, entries }, REPLIES.readdir)
  const whole = (REPLIES.readdir.length - 32) / 2
  const ends = [0, 32, 64, 96]
  t.is(ends.at(-1), whole)
  for (let size = 0; size <= whole + 8; size++) {
    const out = dirty()
    const fit = ends.findLast((end) => end <= size) ?? 0
    t.is(ROWS.readdir.encode(out, { size, entries }), REPLY + fit)
    t.is(out.bytes.toString('hex', REPLY, REPLY + fit), REPLIES.readdir.slice(32, 32 + 2 * fit))
  }
  t.is(ROWS.readdir.encode(dirty(40), { size: 4096, entries }), REPLY)
})

test('a listing stops asking for entries once it is full', (t) => {
  let taken = 0
  const endless = function* () {
    for (;;) {
      taken++
      yield { ino: taken, off: taken, type: DT_REG, name: `${taken}` }
    }
  }
  t.is(ROWS.readdir.encode(dirty(), { size: 320, entries: endless() }), REPLY + 320)
  t.is(taken, 11)
})

test('a listing with attributes', (t) => {
  const plus: Direntplus[] = [{ entry, ino: 9, off: 1, type: DT_REG, name: 'name' }]
  check(t, 'readdirplus', { size: 160, entries: plus }, REPLIES.readdirplus)
  t.is(ROWS.readdirplus.encode(dirty(), { size: 159, entries: plus }), REPLY)
  t.is(ROWS.readdirplus.encode(dirty(), { size: 400, entries: [...plus, ...plus, ...plus] }), REPLY + 320)
})

test('names that would make the kernel refuse the whole reply', (t) => {
  const put = (name: string | Uint8Array) => putDirent(dirty(), REPLY, 4096, 1, 1, DT_REG, name)
  for (const name of ['', 'a/b', 'a\0b', 'x'.repeat(1025), '€'.repeat(400), Buffer.alloc(2000, 'x')]) {
    t.is(put(name), -EIO)
  }
  t.is(ROWS.readdir.encode(dirty(), { size: 4096, entries: [{ ino: 1, off: 1, type: 0, name: '/' }] }), -EIO)
  t.is(put('x'.repeat(1024)), REPLY + 24 + 1024)
  t.is(put(Buffer.from([0xff])), REPLY + 32)
})

test('notifications', (t) => {
  const sent = (encode: (out: Wire) => number) => {
    const out = dirty()
    return hex(out, encode(out))
  }
  t.is(
    sent((out) => encodeInvalInode(out, 9, -1, 0)),
    NOTIFICATIONS.inval_inode,
  )
  t.is(
    sent((out) => encodeInvalEntry(out, 1, 'name', FUSE_EXPIRE_ONLY)),
    NOTIFICATIONS.inval_entry,
  )
  t.is(
    sent((out) => encodeDelete(out, 1, 9, Buffer.from('name'))),
    NOTIFICATIONS.delete,
  )
  t.is(sent(encodeIncEpoch), NOTIFICATIONS.inc_epoch)
  t.is(encodeInvalEntry(dirty(), 1, '', 0), -EIO)
  t.is(encodeInvalEntry(dirty(36), 1, 'name', 0), -EIO)
  t.is(encodeInvalEntry(dirty(37), 1, 'name', 0), 37)
  t.is(encodeDelete(dirty(), 1, 2, 'x'.repeat(1025)), -EIO)
  t.is(encodeInvalInode(dirty(20), 1, 0, 0), -EIO)
})

test('types of entries', (t) => {
  t.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map(dtOfUv), [
    DT_UNKNOWN,
    DT_REG,
    DT_DIR,
    DT_LNK,
    DT_FIFO,
    DT_SOCK,
    DT_CHR,
    DT_BLK,
    DT_UNKNOWN,
  ])
  t.is(dtOfMode(0o040755), DT_DIR)
  t.is(dtOfMode(0o140755), DT_SOCK)
})
