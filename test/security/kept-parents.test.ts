// Directories that are kept held: whatever happens to the tree, answers are those of a walk made at that moment.
import nodeFs, { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { beneath, canonicalOnly } from '../../lib/lower/safe-path/index.js'
import { Kept } from '../../lib/lower/safe-path/kept.js'
import { KernelResolver } from '../../lib/lower/safe-path/kernel.js'
import { Parents } from '../../lib/lower/safe-path/parents.js'
import type { Resolver } from '../../lib/lower/safe-path/resolver.js'
import { Walker } from '../../lib/lower/safe-path/walker.js'
import { native } from '../../lib/native/index.js'
import { Failed } from '../../lib/verdict.js'
import { fc } from '../fc.js'

const ELOOP = Failed.of('ELOOP')
const kernel = (() => {
  const all = beneath('/', {
    policy: { absolute: () => ELOOP, none: true, escape: ELOOP },
    native: true,
    unsafe: false,
  })
  return all instanceof Failed || !(all.strict instanceof KernelResolver) ? undefined : all.strict
})()
const own = kernel === undefined ? test.skip : test.serial
const title = (text: string): string => (kernel === undefined ? `${text} (skipped: no openat2)` : text)
const walks = kernel as KernelResolver

const held = (): number => readdirSync('/proc/self/fd').length
const place = (t: ExecutionContext): string => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-kept-')))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
/** Everything that a resolver tells of a path. */
const told = (by: Resolver, path: string) => {
  const stats = (follow: boolean) => {
    const out = by.stat(path, follow, false)
    return out instanceof Failed ? out.errno : `${out.dev}:${out.ino} ${out.mode} ${out.nlink} ${out.size}`
  }
  let above = by.parent(path)
  // What is not found there is to be asked for again.
  if (!(above instanceof Failed) && by.isStale?.(above) === true) {
    by.release(above)
    above = by.parent(path)
  }
  const parent = above instanceof Failed ? above.errno : by.calls.stat(above, false)
  if (!(above instanceof Failed)) by.release(above)
  const itself = by.directory?.(path) ?? by.hold(path, false)
  const entries = itself instanceof Failed ? itself : by.calls.readdir(itself)
  if (!(itself instanceof Failed)) by.release(itself)
  return {
    path,
    entries: entries instanceof Failed ? entries.errno : entries.map(({ name }) => name).sort(),
    stat: stats(true),
    lstat: stats(false),
    resolved: [true, false].map((follow) => {
      const out = by.resolve(path, follow)
      return out instanceof Failed ? out.errno : out
    }),
    exists: by.access(path, 0)?.errno,
    writable: by.access(path, 2)?.errno,
    parent: typeof parent === 'string' || parent instanceof Failed ? parent : `${parent.dev}:${parent.ino}`,
  }
}
const missing = (path: string): string => `${path.slice(0, path.lastIndexOf('/'))}/missing`
/** Until the directory is held, and the end of it is told, and more. */
const warm = (kept: Kept, path: string): void => {
  for (let k = 0; k < 30; k++) kept.stat(path, false, false)
  for (let k = 0; k < 30; k++) kept.access(missing(path), 0)
  // Until it is told what comes into the directory, and known what the name is.
  for (let k = 0; k < 30; k++) kept.access(path, 2)
}

const names = ['a', 'b', 'c', 'f'] as const
const paths = ['a', 'a/b', 'a/b/f', 'a/b/c', 'a/c/f', 'a/f', 'b/c/f', 'b/f', 'c/b/f']
const some = fc.constantFrom(...paths)
const change = fc.oneof(
  fc.record({ do: fc.constantFrom('rename' as const, 'exchange' as const), from: some, to: some }),
  fc.record({
    do: fc.constantFrom('mkdir' as const, 'rm' as const, 'write' as const, 'chmod' as const),
    from: some,
    to: some,
  }),
  fc.record({ do: fc.constant('link' as const), from: some, to: fc.constantFrom('b', '../a', '../c', 'f', '.') }),
)
const apply = (root: string, { do: what, from, to }: { do: string; from: string; to: string }): void => {
  const at = join(root, from)
  try {
    if (what === 'rename') nodeFs.renameSync(at, join(root, to))
    else if (what === 'exchange') native()?.renameat2(-100, at, -100, join(root, to), 2)
    else if (what === 'mkdir') mkdirSync(at)
    else if (what === 'rm') rmSync(at, { recursive: true, force: true })
    else if (what === 'write') writeFileSync(at, from)
    else if (what === 'chmod') nodeFs.chmodSync(at, nodeFs.statSync(at).mode & 0o100 ? 0o600 : 0o700)
    else symlinkSync(to, at)
  } catch {
    // Not every change can be made in every tree.
  }
}

const replant = (root: string): void => {
  rmSync(root, { recursive: true })
  for (const name of names.slice(0, 3)) mkdirSync(join(root, name, 'b'), { recursive: true })
  mkdirSync(join(root, 'a/c'))
  writeFileSync(join(root, 'a/b/f'), '1')
  writeFileSync(join(root, 'b/f'), '2')
}

own(title('after any change, the answers are those of a walk'), (t) => {
  const root = place(t)
  let kept = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      replant(root)
      const by = new Kept(walks)
      for (const path of paths) warm(by, join(root, path))
      kept = Math.max(kept, by.size)
      for (const one of changes) {
        apply(root, one)
        for (const path of paths) t.deepEqual(told(by, join(root, path)), told(walks, join(root, path)))
        if (one.from.length % 2 === 0) for (const path of paths) warm(by, join(root, path))
      }
      by.letGo()
    }),
    { numRuns: 60 },
  )
  t.true(kept >= 3, `${kept}`)
})

// Without system calls, what is held is asked where it is.
const walker = (() => {
  const all = beneath('/', {
    policy: { absolute: () => ELOOP, none: true, escape: ELOOP },
    native: false,
    unsafe: false,
  })
  return all instanceof Failed || !(all.strict instanceof Walker) ? undefined : all.strict
})()
;(walker === undefined ? test.skip : test.serial)('after any change, /proc tells what a walk would find', (t) => {
  const root = place(t)
  const walking = walker as Walker
  const by = new Parents(walking)
  let there = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      replant(root)
      for (const one of changes) {
        apply(root, one)
        for (const path of paths) {
          const says = told(by, join(root, path))
          t.deepEqual(says, told(walking, join(root, path)))
          if (says.exists === undefined) there++
        }
      }
    }),
    { numRuns: 60 },
  )
  t.true(there > 100, `${there}`)
})

;(walker === undefined ? test.skip : test.serial)('by /proc too, times and owners of a link are its own', (t) => {
  const root = place(t)
  const all = canonicalOnly(false)
  if (all instanceof Failed) return t.fail(all.errno)
  const { ops } = all
  mkdirSync(join(root, 'd'))
  const path = join(root, 'd', 'link')
  const target = join(root, 'f')
  writeFileSync(target, '1')
  nodeFs.utimesSync(target, 7, 7)
  symlinkSync(target, path)
  const set = (at: string, attributes: Parameters<Kept['calls']['setattrAt']>[2], follow: boolean) =>
    ops.setattr.sync({
      path: at,
      dentry: { path: at, exists: true, isLink: false, security: undefined },
      follow,
      set: attributes,
    })
  t.is(set(path, times(3), false), undefined)
  t.is(nodeFs.lstatSync(path).mtimeMs, 3000)
  const { uid, gid } = nodeFs.lstatSync(path)
  t.is(set(path, { uid, gid }, false), undefined)
  t.is((set(path, times(4), true) as Failed | undefined)?.errno, 'ELOOP')
  // Only the directory that the name is in may be gone through.
  symlinkSync('d', join(root, 'e'))
  t.is((set(join(root, 'e', 'link'), times(5), false) as Failed | undefined)?.errno, 'ELOOP')
  t.is(nodeFs.lstatSync(path).mtimeMs, 3000)
  t.is(nodeFs.statSync(target).mtimeMs, 7000)
})

own(title('what was removed and made anew is found again'), (t) => {
  const root = place(t)
  const dir = join(root, 'd')
  mkdirSync(dir)
  writeFileSync(join(dir, 'f'), '1')
  const by = new Kept(walks)
  warm(by, join(dir, 'f'))
  t.is(by.size, 1)
  rmSync(dir, { recursive: true })
  t.is(by.access(join(dir, 'f'), 0)?.errno, 'ENOENT')
  warm(by, join(dir, 'f'))
  mkdirSync(dir)
  writeFileSync(join(dir, 'f'), 'new')
  t.deepEqual(told(by, join(dir, 'f')), told(walks, join(dir, 'f')))
  by.letGo()
})

own(title('whatever becomes of an empty directory in which nothing was found is noticed'), (t) => {
  const root = place(t)
  const path = join(root, 'd', 'f')
  const dir = join(root, 'd')
  const by = new Kept(walks)
  const ends: Readonly<Record<string, () => void>> = {
    removed: () => nodeFs.rmdirSync(dir),
    'removed and made anew': () => {
      nodeFs.rmdirSync(dir)
      mkdirSync(dir)
      writeFileSync(path, '1')
    },
    'removed, a link in its place': () => {
      nodeFs.rmdirSync(dir)
      symlinkSync('e', dir)
    },
    replaced: () => nodeFs.renameSync(join(root, 'e'), dir),
    exchanged: () => native()?.renameat2(-100, dir, -100, join(root, 'e'), 2),
    'moved away': () => nodeFs.renameSync(dir, join(root, 'g')),
    'after many others, removed and made anew': () => {
      for (let k = 0; k < 40; k++) {
        writeFileSync(join(root, 'x'), '')
        nodeFs.unlinkSync(join(root, 'x'))
        t.is(by.access(path, 0)?.errno, 'ENOENT')
        t.is(by.size, 1)
      }
      nodeFs.rmdirSync(dir)
      mkdirSync(dir)
      writeFileSync(path, '1')
    },
    'others removed and replaced': () => {
      for (const name of ['x', 'y', 'z']) writeFileSync(join(root, name), '')
      nodeFs.unlinkSync(join(root, 'x'))
      nodeFs.renameSync(join(root, 'y'), join(root, 'z'))
      nodeFs.chmodSync(join(root, 'z'), 0o600)
    },
  }
  for (const [what, end] of Object.entries(ends)) {
    for (const asked of [path, dir]) {
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true })
      for (const name of ['d', 'e']) mkdirSync(join(root, name))
      writeFileSync(join(root, 'e', 'f'), '2')
      warm(by, path)
      t.is(by.access(path, 0)?.errno, 'ENOENT')
      end()
      t.deepEqual(told(by, asked), told(walks, asked), what)
      t.deepEqual(told(by, path), told(walks, path), what)
      t.deepEqual(told(by, dir), told(walks, dir), what)
    }
  }
  by.letGo()
})

const times = (sec: number) => ({ atime: sec, mtime: sec })
/** Whether times or an owner were set where `name` was known to be no link. */
const sets = (by: Kept, path: string, set: Parameters<Kept['calls']['setattrAt']>[2], before?: () => void): boolean =>
  by.onNoLink(path, (dir, name) => {
    before?.()
    return by.calls.setattrAt(dir, name, set)
  })

/** Tried until the name is known: any mount on this machine has all that is held let go of. */
const setsAtLast = (by: Kept, path: string, set: Parameters<typeof sets>[2]): boolean => {
  for (let tries = 0; tries < 50; tries++) {
    if (sets(by, path, set)) return true
    warm(by, path)
  }
  return false
}

own(title('times are set by a name for as long as nothing came there'), (t) => {
  const root = place(t)
  const by = new Kept(walks)
  const path = join(root, 'd', 'f')
  mkdirSync(join(root, 'd'))
  writeFileSync(path, '1')
  for (let k = 0; k < 30; k++) by.stat(path, false, false)
  for (let k = 0; k < 24; k++) t.false(sets(by, path, times(2)), 'to be told of names is not worth it yet')
  t.true(setsAtLast(by, path, times(39)))
  t.is(nodeFs.statSync(path).mtimeMs, 39_000)
  writeFileSync(join(root, 'd', 'other'), '')
  t.false(sets(by, path, times(50)), 'something came there')
  t.true(setsAtLast(by, path, times(51)))
  // What goes, and what changes, is no news. Nobody acts on what is not there.
  nodeFs.unlinkSync(join(root, 'd', 'other'))
  nodeFs.chmodSync(path, 0o600)
  t.true(setsAtLast(by, path, times(52)))
  nodeFs.unlinkSync(path)
  t.false(sets(by, path, times(53)))
  by.letGo()
})

own(title('what is swapped in at the moment of use is never followed, and noticed'), (t) => {
  const top = place(t)
  const outside = join(top, 'outside')
  writeFileSync(outside, 'canary')
  nodeFs.utimesSync(outside, 7, 7)
  let swap: (() => void) | undefined
  const raw = {
    ...walks.raw,
    access: (...args: Parameters<typeof walks.raw.access>) => {
      swap?.()
      swap = undefined
      return walks.raw.access(...args)
    },
  }
  const by = new Kept(new KernelResolver(raw, walks.walker))
  const swaps: Readonly<Record<string, (path: string) => void>> = {
    'a link in its place': (path) => {
      nodeFs.unlinkSync(path)
      symlinkSync(outside, path)
    },
    'a link moved over it': (path) => {
      symlinkSync(outside, `${path}2`)
      nodeFs.renameSync(`${path}2`, path)
    },
    'a link that has another name too': (path) => {
      symlinkSync(outside, join(top, 'link'))
      nodeFs.unlinkSync(path)
      native()?.linkat(-100, join(top, 'link'), -100, path, 0)
    },
    'exchanged for a link': (path) => {
      symlinkSync(outside, `${path}2`)
      native()?.renameat2(-100, path, -100, `${path}2`, 2)
    },
    'a link to nothing': (path) => {
      nodeFs.unlinkSync(path)
      symlinkSync('nothing', path)
    },
    'so many others, and a link at last': (path) => {
      for (let k = 0; k < 60; k++) {
        writeFileSync(`${path}2`, '')
        nodeFs.unlinkSync(`${path}2`)
      }
      nodeFs.unlinkSync(path)
      symlinkSync(outside, path)
    },
    'the directory moved, a link in its place': (path) => {
      const dir = join(path, '..')
      nodeFs.renameSync(dir, `${dir}-away`)
      symlinkSync(`${dir}-away`, dir)
    },
    'the directory moved, a link in it': (path) => {
      const dir = join(path, '..')
      nodeFs.renameSync(dir, `${dir}-away`)
      mkdirSync(dir)
      symlinkSync(outside, path)
      symlinkSync(outside, join(`${dir}-away`, 'g'))
    },
  }
  const uid = process.getuid?.() ?? 0
  for (const [what, apply] of Object.entries(swaps)) {
    for (const how of ['access', 'times', 'owner'] as const) {
      for (const name of readdirSync(top)) if (name !== 'outside') rmSync(join(top, name), { recursive: true })
      const path = join(top, 'd', 'f')
      mkdirSync(join(top, 'd'))
      writeFileSync(path, '1')
      warm(by, path)
      // Known, or nothing is tried here.
      t.true(setsAtLast(by, path, times(1)), what)
      if (how === 'access') {
        swap = () => apply(path)
        t.is(by.access(path, 2)?.errno, 'ELOOP', what)
      } else {
        t.false(
          sets(by, path, how === 'times' ? times(9) : { uid, gid: uid }, () => apply(path)),
          what,
        )
      }
      t.is(by.access(path, 2)?.errno, 'ELOOP', what)
      t.is(nodeFs.statSync(outside).mtimeMs, 7000, what)
      t.deepEqual(told(by, path), told(walks, path), what)
    }
  }
  by.letGo()
})

own(title('a swap is noticed however often there was one, also when nothing more is to be heard of them'), (t) => {
  const top = place(t)
  const path = join(top, 'd', 'f')
  mkdirSync(join(top, 'd'))
  writeFileSync(path, '1')
  const by = new Kept(walks)
  let known = 0
  for (let round = 0; round < 400; round++) {
    for (let k = 0; k < 3; k++) if (sets(by, path, times(k))) known++
    if (round % 60 === 0) warm(by, path)
    let swapped = false
    const did = sets(by, path, times(9), () => {
      swapped = true
      symlinkSync('nothing', join(top, 'd', 'x'))
      nodeFs.renameSync(join(top, 'd', 'x'), path)
    })
    t.false(did && swapped)
    if (swapped) t.is(by.access(path, 2)?.errno, 'ELOOP')
    rmSync(path)
    writeFileSync(path, '1')
    t.is(by.access(path, 2), undefined)
  }
  t.true(known > 30, `${known}`)
  by.letGo()
})

own(title('nothing is held that is not used, and a bounded number at most'), async (t) => {
  const root = place(t)
  // inotify is closed later, what others had of it too.
  await delay(300)
  const before = held()
  const by = new Kept(walks)
  for (let k = 0; k < 100; k++) {
    mkdirSync(join(root, `d${k}`))
    warm(by, join(root, `d${k}`, 'f'))
  }
  t.is(by.size, 3)
  t.is(held() - before, 3 + 3)
  await delay(2200)
  t.is(by.size, 0)
  t.is(held(), before)
})

own(title('whoever goes through many directories in turn has none of them held'), (t) => {
  const root = place(t)
  const many = Array.from({ length: 300 }, (_, k) => join(root, `d${k}`))
  for (const dir of many) mkdirSync(dir)
  const by = new Kept(walks)
  for (let k = 0; k < 30; k++) for (const dir of many) t.is(by.access(join(dir, 'f'), 0)?.errno, 'ENOENT')
  t.is(by.size, 0)
  for (let k = 0; k < 30; k++) for (const dir of many.slice(0, 2)) by.access(join(dir, 'f'), 0)
  t.is(by.size, 2)
  by.letGo()
})

own(title('a directory that is in use when it is let go of stays open until it is released'), (t) => {
  const root = place(t)
  mkdirSync(join(root, 'd'))
  const by = new Kept(walks)
  const path = join(root, 'd', 'f')
  warm(by, path)
  const dir = by.parent(path)
  if (dir instanceof Failed) return t.fail(dir.errno)
  by.letGo()
  t.false(by.calls.stat(dir, false) instanceof Failed)
  const before = held()
  by.release(dir)
  t.is(held(), before - 1)
})

/** An access control list as the kernel has it, version 2: a tag, rights and an id each. */
const refusing = (uid: number): Buffer => {
  const entries = [
    [1, 7, -1],
    [2, 0, uid],
    [4, 5, -1],
    [16, 7, -1],
    [32, 5, -1],
  ] as const
  const list = Buffer.alloc(4 + 8 * entries.length)
  list.writeUInt32LE(2)
  entries.forEach(([tag, rights, id], k) => {
    list.writeUInt16LE(tag, 4 + 8 * k)
    list.writeUInt16LE(rights, 6 + 8 * k)
    list.writeInt32LE(id, 8 + 8 * k)
  })
  return list
}
const root = process.getuid?.() === 0
;(root ? own : test.skip)(
  root ? title('a mount that hides a directory is noticed') : 'a mount (skipped: not root)',
  (t) => {
    const system = native()
    if (system === undefined) return t.fail('no koffi')
    const top = place(t)
    mkdirSync(join(top, 'm', 'd'), { recursive: true })
    const path = join(top, 'm', 'd', 'f')
    writeFileSync(path, '1')
    const by = new Kept(walks)
    warm(by, path)
    t.is(by.size, 1)
    const mounted = system.mount('none', join(top, 'm'), 'tmpfs', 0, '')
    if (mounted < 0) {
      t.log('no mounts here: not tried')
      t.true(mounted < 0)
      return
    }
    try {
      t.is(by.access(path, 0)?.errno, 'ENOENT')
    } finally {
      system.umount2(join(top, 'm'), 0)
    }
    t.is(by.access(path, 0), undefined)
    by.letGo()
  },
)
;(root ? own : test.skip)(
  root ? title('whoever gave rights up passes no directory by what was held before') : 'rights (skipped: not root)',
  (t) => {
    const top = place(t)
    nodeFs.chmodSync(top, 0o700)
    mkdirSync(join(top, 'd'))
    const path = join(top, 'd', 'f')
    writeFileSync(path, '1')
    const by = new Kept(walks)
    warm(by, path)
    t.is(by.size, 1)
    const system = native()
    const asNobody = (): void => {
      warm(by, path)
      t.is(by.size, 1)
      process.seteuid?.(65534)
      try {
        t.deepEqual(told(by, path), told(walks, path))
      } finally {
        process.seteuid?.(0)
      }
    }
    process.seteuid?.(65534)
    try {
      t.deepEqual(told(by, path).stat, 'EACCES')
    } finally {
      process.seteuid?.(0)
    }
    for (const mode of [0o700, 0o755, 0o711, 0o710, 0o755]) {
      nodeFs.chmodSync(top, mode)
      asNobody()
    }
    // Its mode lets everybody pass, and a list lets all but one.
    if (system?.setxattr(top, 'system.posix_acl_access', refusing(65534), 0) === 0) {
      t.is(nodeFs.statSync(top).mode & 0o111, 0o111)
      asNobody()
      t.is(system.removexattr(top, 'system.posix_acl_access'), 0)
    } else t.log('no access control lists here: not tried')
    nodeFs.chmodSync(top, 0o700)
    warm(by, path)
    t.is(by.size, 1)
    system?.setfsuid(65534)
    try {
      t.deepEqual(told(by, path).stat, 'EACCES')
    } finally {
      system?.setfsuid(0)
    }
    by.letGo()
  },
)
