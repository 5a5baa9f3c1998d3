import { execFileSync } from 'node:child_process'
import nodeFs, { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readOnly } from '../../layers/read-only.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'
import { OP, OPS } from '../../lib/op.js'
import { fc } from '../fc.js'
import { Actor, operations } from '../laws/model.js'

test('has an extension for every opcode that writes', (t) => {
  const { extensions } = readOnly()
  for (const op of OPS) if (OP[op].effect === 'write') t.truthy(extensions[op], op)
})

/** Every byte and attribute of a tree but access times. */
const fingerprint = (fs: PlyFs, dir: string): string => {
  const lines: string[] = []
  const visit = (path: string): void => {
    const { mode, size, mtimeMs, ctimeMs, nlink, ino } = fs.lstatSync(path)
    lines.push([path, mode, size, mtimeMs, ctimeMs, nlink, ino].join(' '))
    if ((mode & constants.S_IFMT) === constants.S_IFREG) lines.push(fs.readFileSync(path, 'latin1'))
    if ((mode & constants.S_IFMT) === constants.S_IFLNK) lines.push(fs.readlinkSync(path))
    if ((mode & constants.S_IFMT) === constants.S_IFDIR)
      for (const name of fs.readdirSync(path).sort()) visit(join(path, name))
  }
  visit(dir)
  return lines.join('\n')
}

const plant = (fs: PlyFs, root: string): void => {
  fs.mkdirSync(`${root}/a/b`, { recursive: true })
  fs.writeFileSync(`${root}/a/c`, 'contents')
  fs.writeFileSync(`${root}/b`, 'other')
  fs.symlinkSync('a/c', `${root}/c`)
}

test('whatever is done through it, the lower keeps its bytes', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(30), async (sequence) => {
      const lower = memory()
      lower.mkdirSync('/root')
      plant(lower, '/root')
      const before = fingerprint(lower, '/root')
      const actor = new Actor(stack(lower, [readOnly()]), '/root')
      for (const operation of sequence) await actor.do(operation)
      actor.closeAll()
      t.is(fingerprint(lower, '/root'), before)
    }),
    { numRuns: 40 },
  )
})

const mountReadOnly = (): { real: string; bound: string; remove: () => void } | undefined => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-'))
  const real = join(dir, 'real')
  const bound = join(dir, 'bound')
  nodeFs.mkdirSync(real)
  nodeFs.mkdirSync(bound)
  const remove = (): void => nodeFs.rmSync(dir, { recursive: true })
  try {
    execFileSync('mount', ['--bind', real, bound], { stdio: 'ignore' })
    execFileSync('mount', ['-o', 'remount,ro,bind', bound], { stdio: 'ignore' })
  } catch {
    remove()
    return undefined
  }
  return {
    real,
    bound,
    remove: () => {
      execFileSync('umount', [bound])
      remove()
    },
  }
}

// The kernel is the oracle where it lets us mount.
const mounts = mountReadOnly()
mounts?.remove()
const withMount = mounts === undefined ? test.skip : test
withMount('refuses as a read-only mount of the same tree does', async (t) => {
  const places = mountReadOnly()
  if (places === undefined) throw new Error('mounted a moment ago')
  const { real, bound, remove } = places
  try {
    const fs = host()
    plant(fs, real)
    await fc.assert(
      fc.asyncProperty(operations(25), async (sequence) => {
        const ours = new Actor(stack(fs, [readOnly()]), real)
        const kernel = new Actor(fs, bound)
        try {
          for (const operation of sequence) {
            // A write through a descriptor: the kernel looks at the descriptor first, a layer cannot know every one.
            if (operation.op === 'writeFd' || operation.op === 'truncateFd') continue
            // Two mounts of one tree are one filesystem; /real and /bound are the same length for nothing else to differ.
            const expected = await kernel.do(operation)
            t.is(await ours.do(operation), expected, JSON.stringify(operation))
          }
        } finally {
          ours.closeAll()
          kernel.closeAll()
        }
      }),
      { numRuns: 60 },
    )
  } finally {
    remove()
  }
})

test('reads, also with O_CREAT where the file is there, and counts what it refused', (t) => {
  const lower = memory()
  lower.writeFileSync('/file', 'contents')
  const guard = readOnly()
  const fs = stack(lower, [guard])
  t.is(fs.readFileSync('/file', 'utf8'), 'contents')
  const fd = fs.openSync('/file', constants.O_RDONLY | constants.O_CREAT)
  t.throws(() => fs.writeSync(fd, 'x'), { code: 'EROFS' })
  fs.closeSync(fd)
  t.deepEqual(guard.stats(), { refused: 1 })
  t.throws(() => fs.openSync('/new', constants.O_RDONLY | constants.O_CREAT), { code: 'EROFS' })
  t.throws(() => fs.accessSync('/file', constants.W_OK), { code: 'EROFS' })
  // What is there needs no making.
  t.notThrows(() => fs.mkdirSync('/', { recursive: true }))
})
