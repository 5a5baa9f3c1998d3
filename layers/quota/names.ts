/** Names: how many are made, and how deep. */
import {
  type Around,
  attempt,
  type ExtensionMap,
  Failed,
  type Reply,
  type Request,
  type Stats,
} from '../../lib/layer.js'
import type { Account } from './account.js'
import { keyOf } from './files.js'

const EDQUOT = Failed.of('EDQUOT')
const ENOSPC = Failed.of('ENOSPC')
const RENAME_EXCHANGE = 2

type Making = 'mkdir' | 'mknod' | 'symlink' | 'link'

/** How many names a path has, by its text. */
const depthOf = (path: string): number => {
  let depth = 0
  for (const name of path.split('/')) if (name !== '' && name !== '.') depth += name === '..' ? -1 : 1
  return depth
}

export const tooDeep =
  (account: Account) =>
  (path: string): boolean => {
    if (depthOf(path) <= account.max.depth) return false
    account.refused++
    return true
  }

export const nameHooks = (account: Account, isTooDeep: (path: string) => boolean): ExtensionMap => {
  const making = <O extends Making>(op: O) => ({
    *around(req: Request<O>): Around<O> {
      const { path, newPath } = req as Request<'link'>
      if (isTooDeep(op === 'link' ? newPath : path) || !account.has('files', 1)) return EDQUOT
      // Taken at once: others may come before the answer.
      account.files++
      const out = yield* attempt(op, req)
      if (out instanceof Failed) account.files--
      return out
    },
  })
  /** A name is gone, and with it perhaps a file. */
  const gone = (stats: Stats): void => {
    if (account.files > 0) account.files--
    if (stats.nlink > 1 && !stats.isDirectory()) return
    const file = account.known(keyOf(stats))
    if (file !== undefined) account.remove(file)
  }
  const removing = <O extends 'unlink' | 'rmdir'>(op: O) => ({
    *around(req: Request<O>): Around<O> {
      const { path, dentry } = req as Request<'unlink'>
      const stats = yield* attempt('lookup', { path, dentry })
      const out = yield* attempt(op, req)
      if (!(out instanceof Failed) && !(stats instanceof Failed)) gone(stats)
      return out
    },
  })
  return {
    mkdir: making('mkdir'),
    mknod: making('mknod'),
    symlink: making('symlink'),
    link: making('link'),
    unlink: removing('unlink'),
    rmdir: removing('rmdir'),
    rename: {
      *around(req) {
        if (isTooDeep(req.newPath)) return EDQUOT
        const from = yield* attempt('lookup', { path: req.path, dentry: req.dentry })
        const onto = yield* attempt('lookup', { path: req.newPath, dentry: req.newDentry })
        const out = yield* attempt('rename', req)
        if (out instanceof Failed || onto instanceof Failed || from instanceof Failed) return out
        // Two names of one file stay as they are.
        if ((req.flags & RENAME_EXCHANGE) === 0 && keyOf(from) !== keyOf(onto)) gone(onto)
        return out
      },
    },
  }
}

/** How many watchers there are. */
export const watchHooks = (account: Account): ExtensionMap => ({
  watch: {
    *around(req) {
      if (!account.has('watchers', 1)) return ENOSPC
      account.watchers++
      let ended = false
      const end = (): void => {
        if (!ended) account.watchers--
        ended = true
      }
      const { sink } = req
      const handle = yield* attempt('watch', {
        ...req,
        sink: {
          change: (type, name) => sink.change(type, name),
          error: (errno) => {
            end()
            sink.error(errno)
          },
        },
      })
      if (handle instanceof Failed) {
        end()
        return handle
      }
      return {
        close: () => {
          end()
          handle.close()
        },
      } satisfies Reply<'watch'>
    },
  },
})
