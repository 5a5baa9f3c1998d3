/** What a kernel sent, byte for byte. */
import test from 'ava'
import { INIT_FLAGS } from '../../lib/fuse/abi.js'
import { decode, type FuseRequest, type Undecodable } from '../../lib/fuse/decode.js'
import { RequestWire } from '../../lib/fuse/wire.js'

const decodeHex = (hex: string): FuseRequest | Undecodable =>
  decode(new RequestWire(Buffer.from(hex, 'hex')), hex.length / 2)

test('as Linux 6.18 sent them: FUSE_SECURITY_CTX agreed on, to root', (t) => {
  const header = (unique: number, nodeid: number, pid: number) => ({
    unique: BigInt(unique),
    nodeid,
    uid: 0,
    gid: 0,
    pid,
  })
  const create =
    '4200000023000000060000000000000001000000000000000000000000000000064c00000100000041820000b6810000120000000000000066000800000000000000'
  t.deepEqual(decodeHex(create), {
    op: 'create',
    ...header(6, 1, 0x4c06),
    args: {
      name: 'f',
      flags: 0x8241,
      mode: 0o100666,
      umask: 0o22,
      open_flags: 0,
      extensions: Buffer.from('0800000000000000', 'hex'),
    },
  })
  const tmpfile =
    '42000000330000008e00000000000000010000000000000000000000000000000e4c000001000000028041008081000012000000000000002f000800000000000000'
  t.like(decodeHex(tmpfile), { op: 'tmpfile', ...header(0x8e, 1, 0x4c0e) })
  const statx =
    '40000000340000004400000000000000020000000000000000000000000000000d4c0000000000000000000000000000000000000000000000000000ff0f0000'
  t.deepEqual(decodeHex(statx), {
    op: 'statx',
    ...header(0x44, 2, 0x4c0d),
    args: { getattr_flags: 0, fh: undefined, sx_flags: 0, sx_mask: 0xfff },
  })
})

test('INIT_FLAGS: what Linux 6.18 offered', (t) => {
  const names = Object.entries(INIT_FLAGS)
  t.is(names.length, 43)
  t.is(new Set(names.map(([, bit]) => bit)).size, 43)
  const offered = names.filter(([, bit]) => (0x7fd73fffffbn & bit) !== 0n).map(([name]) => name)
  t.true(offered.includes('FUSE_PASSTHROUGH') && offered.includes('FUSE_OVER_IO_URING'))
  t.false(offered.includes('FUSE_FILE_OPS'))
  t.is(INIT_FLAGS.FUSE_INIT_EXT, 1n << 30n)
  t.is(INIT_FLAGS.FUSE_PASSTHROUGH, 1n << 37n)
})
