import { constants } from 'node:os'
import test from 'ava'
import { type FuseOp, OPCODES } from '../../lib/fuse/abi.js'
import { forgetCount, forgetNlookup, forgetNodeid } from '../../lib/fuse/args.js'
import { decode, type FuseRequest, type Undecodable, validate } from '../../lib/fuse/decode.js'
import * as layout from '../../lib/fuse/layout.js'
import { ROW_OF, ROWS } from '../../lib/fuse/opcodes.js'
import type { RequestTable } from '../../lib/fuse/request.js'
import { RequestWire, U64_MAX } from '../../lib/fuse/wire.js'
import { REQUESTS } from './wire-fixtures.js'
import { OFFSETS } from './wire-offsets.js'

const { EFBIG, EINVAL, EIO, ENOSYS } = constants.errno

test('the layouts are those of the C compiler', (t) => {
  const structures = Object.entries(layout).flatMap(([name, of]) =>
    typeof of === 'object' ? [[name, of] as const] : [],
  )
  const offsets = structures.map(([name, { ALIGN: _, ...fields }]) => [name, fields])
  t.deepEqual(Object.fromEntries(offsets), OFFSETS)
})

const TAIL = Buffer.from('after the message, of an earlier one /\0')
/** A wire with the message in it, and old bytes after it. */
const wireOf = (bytes: Buffer, ext = true): RequestWire => {
  const wire = new RequestWire(Buffer.concat([bytes, TAIL]))
  wire.setxattr_ext = ext
  return wire
}
const bytesOf = (fixture: keyof typeof REQUESTS): Buffer => Buffer.from(REQUESTS[fixture], 'hex')
const decodeBytes = (bytes: Buffer, ext = true): FuseRequest | Undecodable => decode(wireOf(bytes, ext), bytes.length)

const OWNER = 0xfedcba9876543210n
const FAR = 0x123456789a
const NO_EXTENSIONS = { extensions: Buffer.alloc(0) }
const copy = { fh_in: 5, off_in: 1, nodeid_out: 8, fh_out: 6, off_out: 2, flags: 0 }

const ARGS: { readonly [O in FuseOp]: RequestTable[O] } = {
  lookup: { name: 'café\udcff' },
  forget: { nlookup: 3 },
  getattr: { getattr_flags: 1, fh: 5 },
  setattr: {
    valid: 0xfff,
    fh: 5,
    size: FAR,
    lock_owner: OWNER,
    atime: 1_600_000_000,
    mtime: -5,
    ctime: 3,
    atimensec: 1,
    mtimensec: 2,
    ctimensec: 4,
    mode: 0o100600,
    uid: 7,
    gid: 8,
  },
  readlink: {},
  symlink: { name: 'link', target: '../to/where', ...NO_EXTENSIONS },
  mknod: { name: 'fifo', mode: 0o10600, rdev: 0x103, umask: 0o22, ...NO_EXTENSIONS },
  mkdir: { name: 'dir', mode: 0o755, umask: 0o22, ...NO_EXTENSIONS },
  unlink: { name: 'a' },
  rmdir: { name: 'b' },
  rename: { name: 'old', newdir: 6, newname: 'new' },
  link: { name: 'hard', oldnodeid: 12 },
  open: { flags: 0o100002, open_flags: 1 },
  read: { fh: 5, offset: FAR, size: 131072, read_flags: 2, lock_owner: OWNER, flags: 0o100000 },
  write: {
    fh: 5,
    offset: FAR,
    size: 4,
    write_flags: 6,
    lock_owner: OWNER,
    flags: 0o100001,
    data: Buffer.from([0, 1, 2, 255]),
  },
  statfs: {},
  release: { fh: 5, flags: 0o100002, release_flags: 2, lock_owner: OWNER },
  fsync: { fh: 5, fsync_flags: 1 },
  setxattr: { name: 'user.a/b', value: Buffer.from('x\0y'), flags: 1, setxattr_flags: 1 },
  getxattr: { name: 'security.capability', size: 64 },
  listxattr: { size: 0 },
  removexattr: { name: 'user.a' },
  flush: { fh: 5, lock_owner: OWNER },
  init: { major: 7, minor: 45, max_readahead: 131072, flags: 0x7fd73fffffbn },
  opendir: { flags: 0o200000, open_flags: 0 },
  readdir: { fh: 5, offset: 2, size: 4096, read_flags: 0, lock_owner: undefined, flags: 0 },
  releasedir: { fh: 5, flags: 0o200000, release_flags: 0, lock_owner: 0n },
  fsyncdir: { fh: 5, fsync_flags: 0 },
  getlk: { fh: 5, owner: OWNER, lk: { start: 1n, end: 2n ** 63n - 1n, type: 1, pid: 99 }, lk_flags: 0 },
  setlk: { fh: 5, owner: 1n, lk: { start: 0n, end: 9n, type: 0, pid: 99 }, lk_flags: 1 },
  setlkw: { fh: 5, owner: 1n, lk: { start: 0n, end: 9n, type: 2, pid: 99 }, lk_flags: 0 },
  access: { mask: 5 },
  create: {
    name: 'new',
    flags: 0o101,
    mode: 0o100644,
    umask: 0o22,
    open_flags: 1,
    extensions: Buffer.from('100000002000000001000000e9030000', 'hex'),
  },
  interrupt: { unique: 0x8000000000001232n },
  bmap: { block: 3, blocksize: 4096 },
  destroy: {},
  ioctl: { fh: 5, flags: 2, cmd: 0x4010e501, arg: 0x7ffc12345678n, out_size: 8, data: Buffer.from('abcd') },
  poll: { fh: 5, kh: OWNER, flags: 1, events: 5 },
  notify_reply: { offset: 4096, data: Buffer.from('hi') },
  batch_forget: {
    forgets: [
      { nodeid: 2, nlookup: 1 },
      { nodeid: 3, nlookup: U64_MAX },
    ],
  },
  fallocate: { fh: 5, offset: 4096, length: 8192, mode: 3 },
  readdirplus: { fh: 5, offset: 0, size: 4096, read_flags: 0, lock_owner: undefined, flags: 0 },
  rename2: { name: 'old', newdir: 6, newname: 'new', flags: 1 },
  lseek: { fh: 5, offset: -1, whence: 3 },
  copy_file_range: { ...copy, len: U64_MAX },
  setupmapping: { fh: 5, foffset: 1, len: 2, flags: 3, moffset: 4 },
  removemapping: { mappings: [{ moffset: 4096, len: 8192 }] },
  syncfs: {},
  tmpfile: { name: '/', flags: 0o20200002, mode: 0o100600, umask: 0o22, open_flags: 0, ...NO_EXTENSIONS },
  statx: { getattr_flags: 1, fh: 5, sx_flags: 0x2000, sx_mask: 0xfff },
  copy_file_range_64: { ...copy, len: 10 },
}
const OPS = Object.keys(OPCODES) as FuseOp[]
const HEADER = { unique: 0x8000000000001234n, nodeid: 0x1122334455, uid: 1000, gid: 1001, pid: 4242 }

for (const op of OPS) {
  test(`${op} decodes`, (t) => {
    t.deepEqual(decodeBytes(bytesOf(op)), { op, ...HEADER, args: ARGS[op] } as FuseRequest)
  })
}

test('every opcode has one row, under its number', (t) => {
  for (const op of OPS) {
    t.is(ROWS[op].name, op)
    t.is(ROW_OF[OPCODES[op]], ROWS[op] as unknown as (typeof ROW_OF)[number])
  }
  t.is(ROW_OF.filter(Boolean).length, OPS.length)
  t.deepEqual(
    OPS.filter((op) => !ROWS[op].replies),
    ['forget', 'interrupt', 'notify_reply', 'batch_forget'],
  )
})

test('older forms: INIT before 7.36, SETXATTR without FUSE_SETXATTR_EXT, GETATTR without a file', (t) => {
  const init = decodeBytes(bytesOf('init_compat'))
  t.deepEqual(init.op === 'init' && init.args, { major: 7, minor: 31, max_readahead: 131072, flags: 0x3fffffbn })
  const set = decodeBytes(bytesOf('setxattr_compat'), false)
  t.deepEqual(set.op === 'setxattr' && set.args, {
    name: 'user.a',
    value: Buffer.from('x\0y'),
    flags: 2,
    setxattr_flags: 0,
  })
  t.like(decodeBytes(bytesOf('setxattr'), false), { op: undefined, errno: -EINVAL })
  const bytes = bytesOf('getattr')
  bytes.writeUInt32LE(0, 40)
  const get = decodeBytes(bytes)
  t.deepEqual(get.op === 'getattr' && get.args, { getattr_flags: 0, fh: undefined })
})

test('the same is read without objects', (t) => {
  const read = wireOf(bytesOf('read'))
  t.is(validate(read, bytesOf('read').length), 0)
  t.is(read.opcode, OPCODES.read)
  t.is(read.nodeid, HEADER.nodeid)
  t.is(read.u64(layout.READ_IN.fh), 5)
  t.is(read.u64(layout.READ_IN.offset), FAR)
  t.is(read.u32(layout.READ_IN.size), 131072)
  const lookup = wireOf(bytesOf('lookup'))
  t.is(validate(lookup, bytesOf('lookup').length), 0)
  t.is(lookup.name, 'café\udcff')
  const forget = wireOf(bytesOf('batch_forget'))
  t.is(validate(forget, bytesOf('batch_forget').length), 0)
  t.is(forgetCount(forget), 2)
  t.is(forgetNodeid(forget, 1), 3)
  t.is(forgetNlookup(forget, 0), 1)
})

test('numbers that a double cannot hold', (t) => {
  const patched = (fixture: keyof typeof REQUESTS, at: number, value: bigint) => {
    const bytes = bytesOf(fixture)
    bytes.writeBigUInt64LE(value, at)
    return decodeBytes(bytes)
  }
  const offset = 40 + layout.READ_IN.offset
  const read = patched('read', offset, 2n ** 60n + 1n)
  t.is(read.op === 'read' && read.args.offset, U64_MAX)
  t.is((patched('read', offset, 2n ** 53n - 1n) as Extract<FuseRequest, { op: 'read' }>).args.offset, U64_MAX)
  t.is((patched('read', offset, 2n ** 53n - 2n) as Extract<FuseRequest, { op: 'read' }>).args.offset, U64_MAX - 1)
  // Where rounding would change the wrong bytes.
  t.like(patched('write', offset, 2n ** 60n), { op: undefined, errno: -EFBIG, unique: HEADER.unique })
  t.like(patched('setattr', 40 + layout.SETATTR_IN.size, 2n ** 62n), { op: undefined, errno: -EFBIG })
  t.like(patched('fallocate', 40 + layout.FALLOCATE_IN.length, 2n ** 53n - 4096n), { errno: -EFBIG })
  t.like(patched('copy_file_range', 40 + layout.COPY_FILE_RANGE_IN.off_out, 2n ** 62n), { errno: -EFBIG })
  const lseek = patched('lseek', 40 + layout.LSEEK_IN.offset, 1n << 63n)
  t.is(lseek.op === 'lseek' && lseek.args.offset, -U64_MAX)
})

test('what is not whole fails, and says how', (t) => {
  const good = bytesOf('rename')
  const fail = (bytes: Buffer, received = bytes.length) => decode(wireOf(bytes), received)
  const change = (at: number, write: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(at < good.length ? good : Buffer.concat([good, Buffer.alloc(at - good.length)]))
    write(bytes)
    return fail(bytes)
  }
  const { unique } = HEADER
  t.deepEqual(fail(Buffer.alloc(0)), { op: undefined, errno: -EIO, unique: undefined })
  t.deepEqual(fail(good.subarray(0, 39)), { op: undefined, errno: -EIO, unique: undefined })
  t.deepEqual(fail(good.subarray(0, 50)), { op: undefined, errno: -EIO, unique })
  t.deepEqual(fail(good, good.length + 1), { op: undefined, errno: -EIO, unique })
  t.deepEqual(fail(good, 10_000), { op: undefined, errno: -EIO, unique: undefined })
  t.deepEqual(
    change(0, (b) => b.writeUInt32LE(54, 4)),
    { op: undefined, errno: -ENOSYS, unique },
  )
  t.deepEqual(
    change(0, (b) => b.writeUInt32LE(0xffffffff, 4)),
    { op: undefined, errno: -ENOSYS, unique },
  )
  // No NUL after the second name: what follows it in memory is not the message's.
  const open = Buffer.from(good.subarray(0, good.length - 1))
  open.writeUInt32LE(open.length, 0)
  t.deepEqual(fail(open), { op: undefined, errno: -EINVAL, unique })
  // A slash in a name, an empty name, bytes too many, extensions longer than the message.
  t.like(
    change(0, (b) => b.write('/', 49)),
    { errno: -EINVAL },
  )
  t.like(
    change(0, (b) => b.writeUInt8(0, 48)),
    { errno: -EINVAL },
  )
  t.like(
    change(good.length + 3, (b) => b.writeUInt32LE(b.length, 0)),
    { errno: -EINVAL },
  )
  t.like(
    change(0, (b) => b.writeUInt16LE(0xffff, 36)),
    { errno: -EINVAL },
  )
  // A count that the bytes do not bear out; nobody waits for an answer.
  const forgets = bytesOf('batch_forget')
  forgets.writeUInt32LE(0xffffffff, 40)
  t.deepEqual(fail(forgets), { op: undefined, errno: -EINVAL, unique: undefined })
  const write = bytesOf('write')
  write.writeUInt32LE(5, 40 + layout.WRITE_IN.size)
  t.like(fail(write), { errno: -EINVAL })
  write.writeUInt32LE(3, 40 + layout.WRITE_IN.size)
  t.like(fail(write), { errno: -EINVAL })
})

test('a newer kernel may lengthen a structure that nothing follows', (t) => {
  const bytes = Buffer.concat([bytesOf('read'), Buffer.alloc(16)])
  bytes.writeUInt32LE(bytes.length, 0)
  t.like(decodeBytes(bytes), { op: 'read' })
})
