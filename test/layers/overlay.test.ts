// The overlay against the kernel's own, and against a plain copy of the lower, by the same random operations.
import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { overlay } from '../../layers/overlay/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, memory, rooted } from '../../lib/lower/index.js'
import { Actor, codeOf, everywhere, operations } from '../laws/model.js'

/** What can be asked of a tree, without numbers that are each filesystem's own. */
const survey = (fs: PlyFs, root: string): string => {
  const lines: string[] = []
  const add = (what: string, ask: () => unknown): void => {
    try {
      lines.push(`${what} ${String(ask()).replaceAll(root, '')}`)
    } catch (error) {
      lines.push(`${what} ${codeOf(error)}`)
    }
  }
  for (const path of everywhere) {
    const p = root + path
    add(`lstat ${path}`, () => {
      const { mode, size, nlink, uid } = fs.lstatSync(p)
      return (mode & 0o170000) === 0o040000 ? `${mode} ${uid}` : `${mode} ${size} ${nlink} ${uid}`
    })
    add(`read ${path}`, () => fs.readFileSync(p))
    add(`readlink ${path}`, () => fs.readlinkSync(p))
    add(`realpath ${path}`, () => fs.realpathSync(p))
    add(`readdir ${path}`, () =>
      fs
        .readdirSync(p, { withFileTypes: true })
        .map((e) => `${e.name}${e.isDirectory()}`)
        .sort(),
    )
  }
  return lines.join('\n')
}

/** The lines in which they differ. */
const difference = (got: string, expected: string): string => {
  const want = expected.split('\n')
  return got
    .split('\n')
    .flatMap((line, k) => (line === want[k] ? [] : [`${line} | expected ${want[k]}`]))
    .join('\n')
}

const plant = (fs: PlyFs, root: string): void => {
  fs.mkdirSync(`${root}/a/b`, { recursive: true })
  fs.mkdirSync(`${root}/b/a`, { recursive: true })
  fs.writeFileSync(`${root}/a/c`, 'contents of a/c', { mode: 0o640 })
  fs.writeFileSync(`${root}/a/b/a`, 'deep')
  fs.writeFileSync(`${root}/b/a/c`, 'deep, too')
  fs.writeFileSync(`${root}/c`, 'contents of c')
  fs.symlinkSync('../c', `${root}/b/b`)
  fs.symlinkSync('a', `${root}/b/c`)
}

const places: Record<string, () => { lower: PlyFs; upper: PlyFs; dir: string; root: string; remove: () => void }> = {
  memory: () => {
    const lower = memory()
    lower.mkdirSync('/root')
    return { lower, upper: memory(), dir: '/', root: '/root', remove: () => undefined }
  },
  host: () => {
    const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
    nodeFs.mkdirSync(join(dir, 'root'))
    nodeFs.mkdirSync(join(dir, 'upper'))
    const remove = (): void => nodeFs.rmSync(dir, { recursive: true })
    return { lower: host(), upper: host(), dir: join(dir, 'upper'), root: join(dir, 'root'), remove }
  },
}

for (const [name, place] of Object.entries(places)) {
  test.serial(`behaves as a copy of the lower would, and leaves the lower alone (${name})`, async (t) => {
    await fc.assert(
      fc.asyncProperty(operations(40), async (sequence) => {
        const { lower, upper, dir, root, remove } = place()
        const twin = memory()
        twin.mkdirSync(root, { recursive: true })
        plant(lower, root)
        plant(twin, root)
        const before = survey(lower, root)
        const ours = new Actor(stack(lower, [overlay({ upper, dir })]), root)
        const plain = new Actor(twin, root)
        try {
          t.is(difference(survey(ours.fs, root), survey(twin, root)), '')
          for (const [k, operation] of sequence.entries()) {
            const got = await ours.do(operation)
            const expected = await plain.do(operation)
            const order = (text: string): string => (operation.op === 'readdir' ? text.split(',').sort().join() : text)
            if (order(got) !== order(expected)) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
            const wrong = difference(survey(ours.fs, root), survey(twin, root))
            if (wrong !== '') t.is(wrong, '', `${k}: after ${JSON.stringify(operation)}`)
          }
          t.is(survey(lower, root), before)
          // Another overlay, with nothing in its memory, finds the same on the upper.
          ours.closeAll()
          t.is(difference(survey(stack(lower, [overlay({ upper, dir })]), root), survey(ours.fs, root)), '')
        } finally {
          ours.closeAll()
          plain.closeAll()
          remove()
        }
      }),
      { numRuns: name === 'memory' ? 40 : 15 },
    )
  })
}

const mountOverlay = (dir: string, upper: string): void => {
  const at = (name: string): string => join(dir, name)
  const options = `lowerdir=${at('lower')},upperdir=${upper},workdir=${at('work')},redirect_dir=on,index=off`
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at('merged')], { stdio: 'ignore' })
}
/** A tmpfs with a lower, uppers and a mount point; undefined where we may not mount. */
const ground = (): { dir: string; merged: string; remove: () => void } | undefined => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  const merged = join(dir, 'merged')
  const remove = (): void => {
    for (const mounted of [merged, dir]) {
      try {
        // Lazily: rooted() holds its directory.
        execFileSync('umount', ['-l', mounted], { stdio: 'ignore' })
      } catch {
        // It was not.
      }
    }
    nodeFs.rmSync(dir, { recursive: true })
  }
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', dir], { stdio: 'ignore' })
    for (const name of ['lower', 'upper', 'work', 'merged', 'ours']) nodeFs.mkdirSync(join(dir, name))
    plant(host(), join(dir, 'lower'))
    mountOverlay(dir, join(dir, 'upper'))
  } catch {
    remove()
    return undefined
  }
  return { dir, merged, remove }
}
const possible = ground()
possible?.remove()
const withKernel = possible === undefined ? test.serial.skip : test.serial

withKernel("behaves as the kernel's overlayfs, which then mounts what was written", async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(30), async (sequence) => {
      const place = ground()
      if (place === undefined) throw new Error('mounted a moment ago')
      const { dir, merged, remove } = place
      const layers = [overlay({ upper: rooted(join(dir, 'ours')) })]
      const ours = new Actor(stack(rooted(join(dir, 'lower')), layers), '')
      const kernel = new Actor(host(), merged)
      try {
        for (const [k, operation] of sequence.entries()) {
          const got = await ours.do(operation)
          const expected = await kernel.do(operation)
          // A size of a link hangs on where the tree is; the order of a listing is each one's own.
          if (!['readdir', 'lstat', 'stat', 'realpath', 'readlink'].includes(operation.op) && got !== expected) {
            t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
          }
          const wrong = difference(withoutLinkSizes(survey(ours.fs, '')), withoutLinkSizes(survey(host(), merged)))
          if (wrong !== '') t.is(wrong, '', `${k}: after ${JSON.stringify(operation)}`)
        }
        ours.closeAll()
        kernel.closeAll()
        const last = withoutLinkSizes(survey(ours.fs, ''))
        execFileSync('umount', [merged])
        nodeFs.rmSync(join(dir, 'work'), { recursive: true })
        nodeFs.mkdirSync(join(dir, 'work'))
        mountOverlay(dir, join(dir, 'ours'))
        t.is(difference(withoutLinkSizes(survey(host(), merged)), last), '')
      } finally {
        ours.closeAll()
        kernel.closeAll()
        remove()
      }
    }),
    { numRuns: 15 },
  )
})
const withoutLinkSizes = (text: string): string =>
  text.replaceAll(/^(lstat \S+ 41471) \d+/gm, '$1').replaceAll(/(realpath \S+) $/gm, '$1 /')
