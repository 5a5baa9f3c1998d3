/** Cookies: where a reader of a directory goes on, whatever others have had read anew meanwhile. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import { OPCODES } from '../../lib/fuse/abi.js'
import { DIRENT, READ_IN } from '../../lib/fuse/layout.js'
import { cookieOf, FIRST, indexAfter, type Listing, listed } from '../../lib/fuse/listing.js'
import type { Session } from '../../lib/fuse/session.js'
import { REPLY } from '../../lib/fuse/wire.js'
import { stack } from '../../lib/index.js'
import type { Entry } from '../../lib/op.js'
import { ask, sessionOf, text } from './messages.js'
import { inMount, sh } from './support.js'

const entriesOf = (names: string): Entry[] => [...names].map((name) => ({ name, type: 1 }))
const namesAfter = (listing: Listing, cookie: number): string =>
  listing.entries
    .slice(Math.max(0, indexAfter(listing, cookie)))
    .map(({ name }) => name)
    .join('')

test('a name keeps its cookie, and what is new comes last', (t) => {
  const first = listed(entriesOf('abcdef'), undefined)
  t.is(cookieOf(first, 0), FIRST)
  t.deepEqual(
    [0, 1, 2].map((cookie) => indexAfter(first, cookie)),
    [-2, -1, 0],
    'after nothing, `.`, `..`',
  )
  const afterC = cookieOf(first, 2)
  t.is(namesAfter(first, afterC), 'def')
  t.is(listed(entriesOf('abcdef'), first).cookies, undefined)
  const second = listed(entriesOf('xfdbae'), first)
  t.is(namesAfter(second, 0), 'abdefx')
  t.is(namesAfter(second, afterC), 'defx', 'c is gone')
  t.deepEqual(
    [0, 1, 2].map((cookie) => indexAfter(second, cookie)),
    [-2, -1, 0],
  )
  const third = listed(entriesOf('fx'), second)
  t.is(namesAfter(third, afterC), 'fx')
  t.is(namesAfter(third, cookieOf(third, 1)), '')
  t.is(namesAfter(listed(entriesOf('zy'), listed([], third)), 0), 'zy')
})

/** The names of a READDIR, and the cookie of the last; `size` of the reply. */
const read = (s: Session, nodeid: number, offset: number, size: number): [string, number] => {
  const body = Buffer.alloc(READ_IN.SIZE)
  body.writeUInt32LE(offset, READ_IN.offset)
  body.writeUInt32LE(size, READ_IN.size)
  if (ask(s, OPCODES.readdir, nodeid, body) !== 0) return ['?', 0]
  const { view, bytes } = s.out
  let names = ''
  let cookie = offset
  for (let at = REPLY; at < view.getUint32(0, true); ) {
    const length = view.getUint32(at + DIRENT.namelen, true)
    const name = bytes.toString('latin1', at + DIRENT.SIZE, at + DIRENT.SIZE + length)
    if (name !== '.' && name !== '..') names += name
    cookie = view.getUint32(at + DIRENT.off, true)
    at += (DIRENT.SIZE + length + 7) & ~7
  }
  return [names, cookie]
}

test('directories are listed without being opened, and by several at once', (t) => {
  const fs = stack(undefined, [metadataCache({ ttlMs: 60_000 })])
  fs.mkdirSync('/dir')
  for (const name of 'abcdef') fs.writeFileSync(`/dir/${name}`, '')
  const s = sessionOf(fs)
  t.true(s.knobs.noOpendir)
  s.noOpendir = true
  t.is(ask(s, OPCODES.opendir, 1, Buffer.alloc(8)), constants.errno.ENOSYS)
  t.is(ask(s, OPCODES.lookup, 1, text('dir')), 0)
  const RECORD = 32
  const [slow, at] = read(s, 2, 0, 4 * RECORD)
  t.is(slow, 'ab')
  fs.unlinkSync('/dir/a')
  fs.unlinkSync('/dir/d')
  fs.writeFileSync('/dir/0', '')
  t.is(read(s, 2, 0, 100 * RECORD)[0], 'bcef0', 'another reads it all')
  t.is(read(s, 2, at, 100 * RECORD)[0], 'cef0')
  t.is(ask(s, OPCODES.fsyncdir, 2, Buffer.alloc(16)), 0)
  t.is(read(s, 99, 0, 100 * RECORD)[0], '?')
})

inMount(
  'no directory is opened or closed where the kernel keeps them',
  () => ({ lower: { memory: {} }, layers: [{ metadataCache: { ttlMs: 60_000 } }] }),
  async (t, mounted, { mnt }) => {
    await sh('mkdir -p a/b/c; seq 600 | xargs touch; ls -lR > /dev/null; rm -rf a; ls | wc -l', mnt)
    const before = (await mounted.stats()).requests
    t.is(await sh('ls | wc -l; ls | sort | uniq -d', mnt), '600\n')
    const after = (await mounted.stats()).requests
    t.is(after.opendir, 1)
    t.is(after.releasedir, undefined)
    t.is(after.readdirplus, before.readdirplus, 'answered by the kernel')
    // One goes on where it was, while others remove, list and make.
    await sh('(sleep 0; ls > /dev/null; touch new; ls > /dev/null) & rm -rf [1-9]*; wait', mnt)
    t.is(await sh('ls', mnt), 'new\n')
  },
)

const dir = mkdtempSync(join(tmpdir(), 'plyfs-listing-'))
test.after.always(() => rmSync(dir, { recursive: true }))
inMount(
  'what others change below is seen in a listing when its time is over',
  () => ({ lower: { rooted: dir }, layers: [{ metadataCache: { ttlMs: 30 } }] }),
  async (t, _mounted, { mnt }) => {
    writeFileSync(join(dir, 'one'), '')
    t.deepEqual(readdirSync(mnt), ['one'])
    writeFileSync(join(dir, 'two'), '')
    await sh('sleep 0.1')
    t.deepEqual(readdirSync(mnt), ['one', 'two'])
  },
)
