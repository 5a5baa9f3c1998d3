// An overlay's changes as a patch: git applies it to a copy of the lower, and the trees are then the same.
import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { diff } from '../../lib/overlay.js'
import { fc } from '../fc.js'
import { Actor, operations } from '../laws/model.js'
import { plant } from './overlay-support.js'

/** What git keeps of a tree. */
const files = (fs: typeof nodeFs, root: string): Map<string, string> => {
  const out = new Map<string, string>()
  const visit = (dir: string): void => {
    for (const name of fs.readdirSync(root + dir || '/')) {
      const path = `${dir}/${name}`
      const stats = fs.lstatSync(root + path)
      if (stats.isDirectory()) visit(path)
      else if (stats.isSymbolicLink()) out.set(path, `-> ${fs.readlinkSync(root + path)}`)
      else out.set(path, `${stats.mode & 0o100} ${fs.readFileSync(root + path, 'base64')}`)
    }
  }
  visit('')
  return out
}
const sorted = (map: Map<string, string>): string[] => [...map].map((entry) => entry.join(' ')).sort()

/** Writes the files of `fs` to an empty directory. */
const copyOut = (fs: PlyFs, to: string): void => {
  for (const [path, text] of files(fs, '')) {
    nodeFs.mkdirSync(dirname(to + path), { recursive: true })
    if (text.startsWith('-> ')) nodeFs.symlinkSync(text.slice(3), to + path)
    else {
      const [mode, contents = ''] = text.split(' ')
      nodeFs.writeFileSync(to + path, Buffer.from(contents, 'base64'), { mode: mode === '64' ? 0o755 : 0o644 })
    }
  }
}
const emptyDirectory = (): string => nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-diff-')))

/** Applies a patch to a copy of `lower`. */
const applied = (lower: PlyFs, patch: string): string[] => {
  const dir = emptyDirectory()
  try {
    copyOut(lower, dir)
    if (patch !== '') {
      execFileSync('git', ['apply', '--whitespace=nowarn', '-'], {
        cwd: dir,
        input: patch,
        stdio: ['pipe', 'ignore', 'pipe'],
      })
    }
    return sorted(files(nodeFs, dir))
  } finally {
    nodeFs.rmSync(dir, { recursive: true })
  }
}

const hasGit = ((): boolean => {
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const withGit = hasGit ? test : test.skip

withGit('git makes of the lower what is seen through the overlay (random operations)', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(30), async (sequence) => {
      const lower = memory()
      plant(lower, '')
      const fs = stack(lower, [overlay()])
      const actor = new Actor(fs, '')
      for (const operation of sequence) await actor.do(operation)
      actor.closeAll()
      t.deepEqual(applied(lower, await diff(fs)), sorted(files(fs, '')))
    }),
    { numRuns: 30 },
  )
})

const line = fc.constantFrom(
  'a',
  'b',
  'ccc',
  '',
  ' ',
  '\t',
  '-x',
  '+y',
  '\\ No newline',
  '@@',
  'é€',
  'cr\r',
  '\r',
  '\u2028',
  '\ufeffbom',
)
const text = fc
  .tuple(fc.array(line, { maxLength: 40 }), fc.boolean())
  .map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''))
const bytes = fc.oneof(
  { weight: 4, arbitrary: text.map((s) => Buffer.from(s)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)) },
)
const name = fc.constantFrom(
  '/plain',
  '/with blank',
  '/tab\there',
  '/quo"te',
  '/back\\slash',
  '/é',
  '/d/deep',
  '/-dash',
  '/\n',
)
withGit('contents and names of all kinds', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, fc.option(bytes), fc.option(bytes)), { maxLength: 6 }),
      async (changes) => {
        const lower = memory()
        lower.mkdirSync('/d')
        const seen = new Set<string>()
        const own = changes.filter(([path]) => !seen.has(path) && seen.add(path))
        for (const [path, before] of own) if (before !== null) lower.writeFileSync(path, before)
        const fs = stack(lower, [overlay()])
        for (const [path, before, after] of own) {
          if (after !== null) fs.writeFileSync(path, after)
          else if (before !== null) fs.rmSync(path)
        }
        t.deepEqual(applied(lower, await diff(fs)), sorted(files(fs, '')))
      },
    ),
    { numRuns: 40 },
  )
})

test('says what was renamed, changed its mode, or is no text', async (t) => {
  const lower = memory()
  plant(lower, '')
  lower.writeFileSync('/image', Buffer.from([0, 1, 2]))
  const fs = stack(lower, [overlay()])
  fs.renameSync('/a', '/z')
  fs.appendFileSync('/z/b/a', '\nmore')
  fs.chmodSync('/c', 0o755)
  fs.writeFileSync('/image', Buffer.from([0, 1, 3]))
  fs.mkdirSync('/empty')
  const patch = await diff(fs)
  t.true(patch.includes('similarity index 100%\nrename from a/c\nrename to z/c\n'), patch)
  t.true(patch.includes('rename from a/b/a\nrename to z/b/a\nindex '), patch)
  t.true(patch.includes('diff --git a/c b/c\nold mode 100644\nnew mode 100755\n'), patch)
  t.regex(
    patch,
    /diff --git a\/image b\/image\nindex [0-9a-f]{40}\.\.[0-9a-f]{40} 100644\nGIT binary patch\nliteral 3\n/,
  )
  t.false(patch.includes('empty'))
  t.is(await diff(stack(lower, [overlay()])), '')
})

test('a file of which every line differs is replaced as a whole', async (t) => {
  const lower = memory()
  const many = (sign: string): string => Array.from({ length: 6000 }, (_, k) => `${sign}${k}\n`).join('')
  lower.writeFileSync('/f', many('a'))
  const fs = stack(lower, [overlay()])
  fs.writeFileSync('/f', many('b'))
  t.true((await diff(fs)).includes('@@ -1,6000 +1,6000 @@\n-a0\n'))
})
