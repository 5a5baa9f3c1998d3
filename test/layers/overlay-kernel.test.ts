// The overlay against the kernel's own, by the same random operations: the same trees after each step.
import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { mount } from '../../lib/fuse/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, rooted } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, type Operation, operations } from '../laws/model.js'
import { difference, plantRich, survey } from './overlay-support.js'

/** Deep enough that no `..` that a random link makes comes out of the tree: above it, the kernel's has other neighbours. */
const ROOT = '/1/2/3/4/5/6'

const mountOverlay = (dir: string, upper: string): void => {
  const at = (name: string): string => join(dir, name)
  const options = `lowerdir=${at('lower')},upperdir=${upper},workdir=${at('work')},redirect_dir=on,index=off`
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at('merged')], { stdio: 'ignore' })
}
/** A tmpfs with a lower, uppers and mount points; undefined where we may not mount. */
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
    for (const name of ['lower', 'upper', 'work', 'merged', 'ours', 'mounted']) nodeFs.mkdirSync(join(dir, name))
    nodeFs.mkdirSync(join(dir, 'lower', ROOT), { recursive: true })
    plantRich(host(), join(dir, 'lower', ROOT))
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
const withMount = possible === undefined || !nodeFs.existsSync('/dev/fuse') ? test.serial.skip : test.serial

/** A link's size hangs on where the tree is, and so does the name of what is above ROOT. */
const shown = (fs: PlyFs, root: string): string =>
  survey(fs, root, true)
    .replaceAll(new RegExp(`^(realpath \\S+ )${root.slice(0, -ROOT.length)}`, 'gm'), '$1')
    .replaceAll(/^(lstat \S+ 41471) \d+/gm, '$1')
    .replaceAll(/(realpath \S+) $/gm, '$1 /')

/**
 * What both sides can be asked. `rm` of a directory's parent saws off the branch that it sits on: how far it comes is up to
 * the order of listings. Links are relative: absolute ones would lead the kernel out of its mount, which is not at our root
 * (overlay.test.ts has them, against a copy).
 */
const comparable = (sequence: readonly Operation[]): Operation[] =>
  sequence
    .filter(({ op, a }) => op !== 'rm' || !a.includes('..'))
    .map((operation) => (operation.op === 'symlink' ? { ...operation, n: operation.n & ~1 } : operation))

/** Thrown, not asserted: so the random sequence is made shorter, and shown. */
const same = (got: string, expected: string, why: string): void => {
  if (got !== expected) throw new Error(`${why}: ${got} | expected ${expected}`)
}

/** The same on both, looked at through `ours` and through the kernel's mount after each step. */
const compare = async (ours: Actor, kernel: Actor, sequence: readonly Operation[]): Promise<void> => {
  for (const [k, operation] of comparable(sequence).entries()) {
    const got = await ours.do(operation)
    const expected = await kernel.do(operation)
    // The order of a listing is each one's own.
    if (!['readdir', 'lstat', 'stat', 'realpath', 'readlink', 'listxattr'].includes(operation.op) && got !== expected) {
      same(got, expected, `${k}: ${JSON.stringify(operation)}`)
    }
    const wrong = difference(shown(ours.fs, ours.root), shown(kernel.fs, kernel.root))
    same(wrong, '', `${k}: after ${JSON.stringify(operation)}`)
  }
}

withKernel("behaves as the kernel's overlayfs, which then mounts what was written", async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(30), async (sequence) => {
      const place = ground()
      if (place === undefined) throw new Error('mounted a moment ago')
      const { dir, merged, remove } = place
      const layers = [overlay({ upper: host(), dir: join(dir, 'ours') })]
      const ours = new Actor(stack(rooted(join(dir, 'lower')), layers), ROOT)
      const kernel = new Actor(host(), join(merged, ROOT))
      try {
        await compare(ours, kernel, sequence)
        ours.closeAll()
        kernel.closeAll()
        const last = shown(ours.fs, ROOT)
        const again = stack(rooted(join(dir, 'lower')), [overlay({ upper: host(), dir: join(dir, 'ours') })])
        same(difference(shown(again, ROOT), last), '', 'another overlay over the same upper')
        execFileSync('umount', [merged])
        nodeFs.rmSync(join(dir, 'work'), { recursive: true })
        nodeFs.mkdirSync(join(dir, 'work'))
        mountOverlay(dir, join(dir, 'ours'))
        same(difference(shown(host(), join(merged, ROOT)), last), '', "the kernel's over our upper")
      } finally {
        ours.closeAll()
        kernel.closeAll()
        remove()
      }
    }),
    { numRuns: 12, endOnFailure: true },
  )
  t.pass()
})

withMount("mounted, it behaves as the kernel's overlayfs", async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(25), async (sequence) => {
      const place = ground()
      if (place === undefined) throw new Error('mounted a moment ago')
      const { dir, merged, remove } = place
      const config = {
        lower: { rooted: join(dir, 'lower') },
        layers: [{ overlay: { upper: { host: {} }, dir: join(dir, 'ours') } }],
      }
      const mounted = await mount(config, join(dir, 'mounted'))
      const ours = new Actor(host(), join(mounted.mountpoint, ROOT))
      const kernel = new Actor(host(), join(merged, ROOT))
      try {
        await compare(ours, kernel, sequence)
      } finally {
        ours.closeAll()
        kernel.closeAll()
        await mounted.unmount()
        remove()
      }
    }),
    { numRuns: 2, endOnFailure: true },
  )
  t.pass()
})
