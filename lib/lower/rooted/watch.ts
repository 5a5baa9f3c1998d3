/** fs.watch on held files: libuv watches the inode that the descriptor leads to, under no name of the host's. */
import type { FSWatcher } from 'node:fs'
import type { Dentry } from '../../file.js'
import type { LowerOp } from '../../lower.js'
import type { Path, Reply, Request, WatchSink } from '../../op.js'
import { decodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { originalFs as fs } from '../original-fs.js'
import type { Picker } from '../safe-path/index.js'
import { lastOf } from '../safe-path/names.js'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const UV_DIRENT_DIR = 2

type Change = (type: 'rename' | 'change', name: string | null) => void

/** Watches one file or directory. `self` is what it is called in its own events. */
const watchOne = (
  pick: Picker,
  path: Path,
  dentry: Dentry | undefined,
  self: string,
  persistent: boolean,
  change: Change,
  ended: (errno: string) => void,
): FSWatcher | Failed => {
  const resolver = pick(dentry)
  const { calls } = resolver
  const held = resolver.hold(path, true)
  if (held instanceof Failed) return held
  try {
    const stats = calls.stat(held, false)
    if (stats instanceof Failed) return stats
    const directory = (stats.mode & S_IFMT) === S_IFDIR
    const at = calls.at(held)
    // libuv calls a file by the last component of the path that it was given: `.` is no entry's name.
    const watcher = fs.watch(directory ? `${at}/.` : at, { persistent, encoding: 'buffer' })
    watcher.on('change', (type, raw) => {
      const bytes = raw as unknown as Buffer | null
      const name = bytes === null ? null : decodePath(bytes)
      change(type as 'rename' | 'change', name === null ? null : directory && name !== '.' ? name : self)
    })
    watcher.on('error', (error: NodeJS.ErrnoException) => ended(error.code ?? 'EIO'))
    return watcher
  } catch (thrown) {
    return failureOf(thrown)
  } finally {
    resolver.release(held)
  }
}

/** A tree of watchers, one a directory; links are not followed. */
class Tree {
  readonly #watchers = new Map<string, FSWatcher>()
  #closed = false

  constructor(
    readonly pick: Picker,
    readonly top: Path,
    readonly dentry: Dentry | undefined,
    readonly persistent: boolean,
    readonly sink: WatchSink,
  ) {}

  /** @param below the directory's path from the top, '' for the top */
  add(below: string): Failed | undefined {
    if (this.#closed || this.#watchers.has(below)) return undefined
    const path = below === '' ? this.top : `${this.top}/${below}`
    if (below !== '' && !this.#isDirectory(path)) return undefined
    const self = below === '' ? lastOf(this.top) : below
    const watcher = watchOne(
      this.pick,
      path,
      this.dentry,
      '.',
      this.persistent,
      (type, name) => {
        if (name === null || name === '.') {
          // A directory that went away takes its watcher along.
          if (below !== '' && !this.#isDirectory(path)) this.#drop(below)
          else if (below === '') this.sink.change(type, self)
          return
        }
        const inner = below === '' ? name : `${below}/${name}`
        this.sink.change(type, inner)
        if (type === 'rename') {
          this.#drop(inner)
          this.add(inner)
        }
      },
      (errno) => {
        if (below === '') this.sink.error(errno)
        else this.#drop(below)
      },
    )
    if (watcher instanceof Failed) return watcher
    this.#watchers.set(below, watcher)
    this.#children(path, below)
    return undefined
  }

  #children(path: Path, below: string): void {
    const resolver = this.pick(this.dentry)
    const held = resolver.hold(path, true)
    if (held instanceof Failed) return
    const entries = resolver.calls.readdir(held)
    resolver.release(held)
    if (entries instanceof Failed) return
    for (const { name, type } of entries) if (type === UV_DIRENT_DIR) this.add(below === '' ? name : `${below}/${name}`)
  }

  #isDirectory(path: Path): boolean {
    const stats = this.pick(this.dentry).stat(path, false, false)
    return !(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR
  }

  #drop(below: string): void {
    for (const [key, watcher] of this.#watchers) {
      if (key !== below && !key.startsWith(`${below}/`)) continue
      this.#watchers.delete(key)
      watcher.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }
}

export const watchOp = (pick: Picker): LowerOp<'watch'> => {
  const begin = (req: Request<'watch'>): Reply<'watch'> | Failed => {
    const { path, dentry, recursive, persistent, sink } = req
    const stats = pick(dentry).stat(path, true, false)
    if (stats instanceof Failed) return stats
    if (recursive && (stats.mode & S_IFMT) === S_IFDIR) {
      const tree = new Tree(pick, path, dentry, persistent, sink)
      const failed = tree.add('')
      if (failed !== undefined) return failed
      return { close: () => tree.close() }
    }
    const self = lastOf(path)
    const watcher = watchOne(
      pick,
      path,
      dentry,
      self,
      persistent,
      (type, name) => sink.change(type, name),
      (errno) => sink.error(errno),
    )
    return watcher instanceof Failed ? watcher : { close: () => watcher.close() }
  }
  return {
    sync: begin,
    async: (req, done) => {
      let out: Reply<'watch'> | Failed
      try {
        out = begin(req)
      } catch (bug) {
        done(bug, Failed.of('EIO'))
        return
      }
      done(null, out)
    },
  }
}
