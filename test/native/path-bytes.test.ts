import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { decodePath, encodePath } from '../../lib/path-bytes.js'
import { fc } from '../fc.js'

const bytesOf = (path: string): Buffer => {
  const encoded = encodePath(path)
  return typeof encoded === 'string' ? Buffer.from(encoded, 'utf8') : encoded
}
/** Bytes that are often nearly UTF-8. */
const nearlyUtf8 = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => Buffer.from(text, 'utf8')),
      fc.constantFrom(0xc0, 0xc3, 0xe0, 0xed, 0xa0, 0x80, 0xef, 0xbf, 0xbd, 0xf0, 0xf4, 0x9f, 0xff).map((b) => [b]),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Uint8Array.from(part))))

test('fixtures, as Python’s surrogateescape has them', (t) => {
  const cases: [string, string][] = [
    ['', ''],
    ['66c3a9', 'fé'],
    ['ff', '\udcff'],
    ['66ff66', 'f\udcfff'],
    ['c3', '\udcc3'],
    ['c32f', '\udcc3/'],
    // Overlong, a surrogate, above U+10FFFF, and a truncated sequence.
    ['c080', '\udcc0\udc80'],
    ['eda080', '\udced\udca0\udc80'],
    ['f4908080', '\udcf4\udc90\udc80\udc80'],
    ['f09f98', '\udcf0\udc9f\udc98'],
    ['f09f9880', '😀'],
    ['f09f988080', '😀\udc80'],
    // A real U+FFFD, alone and beside a stray byte; a byte order mark.
    ['efbfbd', '\ufffd'],
    ['efbfbdff', '\ufffd\udcff'],
    ['efbbbf61', '\ufeffa'],
  ]
  for (const [hex, text] of cases) {
    t.is(decodePath(Buffer.from(hex, 'hex')), text, hex)
    t.is(bytesOf(text).toString('hex'), hex)
  }
  t.is(decodePath(Uint8Array.from([0x61, 0xff]).subarray(1)), '\udcff')
})

test('a well-formed path is handed on as it is', (t) => {
  t.is(encodePath('/a/é/😀/\ufffd'), '/a/é/😀/\ufffd')
})

test('any bytes come back', (t) => {
  fc.assert(
    fc.property(nearlyUtf8, (bytes) => {
      t.deepEqual(bytesOf(decodePath(bytes)), bytes)
    }),
    { numRuns: 5000 },
  )
})

test('a well-formed string comes back', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      t.is(decodePath(Buffer.from(text, 'utf8')), text)
    }),
  )
})

test('bytes that are UTF-8 have one string only: escapes that spell it are written as Node writes them', (t) => {
  t.is(decodePath(bytesOf('\udcc3\udca9')), '\ufffd\ufffd')
  t.is(decodePath(bytesOf('\udc2f')), '\ufffd')
  t.is(decodePath(bytesOf('a\ud800b')), 'a\ufffdb')
  t.is(decodePath(bytesOf('\udcff\ud800')), '\ufffd\ufffd')
  const units = fc.array(fc.oneof(fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.integer({ min: 0xdc80, max: 0xdcff })))
  fc.assert(
    fc.property(units, (codes) => {
      const text = String.fromCharCode(...codes)
      const back = decodePath(bytesOf(text))
      t.true(back === text || back === text.toWellFormed(), JSON.stringify(text))
    }),
    { numRuns: 5000 },
  )
})

test('names on a disk', (t) => {
  // Some filesystems take UTF-8 only.
  if (process.platform !== 'linux') {
    t.pass()
    return
  }
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-names-'))
  try {
    const name = 'caf\udce9'
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), bytesOf(name)]), '')
    t.deepEqual(
      readdirSync(dir, 'buffer').map((bytes) => decodePath(bytes)),
      [name],
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})
