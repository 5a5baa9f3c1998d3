/** Where a path of the host leads: the kernel's own walk where it can answer, else component by component. */
import type { Lower, LowerOp } from '../../lower.js'
import type { Reply, Request } from '../../op.js'
import { decodePath, encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { originalFs } from '../original-fs.js'

const S_IFMT = 0o170000
const S_IFLNK = 0o120000
const { realpath, realpathSync } = originalFs

/** A path whose last component is a plain name: what it is in can be resolved without it. */
const lastName = (path: string): string | undefined => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return name === '' || name === '.' || name === '..' ? undefined : name
}

const found = (path: string): Reply<'resolve'> => ({ path, exists: true, isLink: false, security: undefined })
const foundLink = (parent: string, name: string): Reply<'resolve'> => ({
  path: parent === '/' ? `/${name}` : `${parent}/${name}`,
  exists: true,
  isLink: true,
  security: undefined,
})
const textOf = (real: string | Buffer): string => (typeof real === 'string' ? real : decodePath(real))

const realSync = (path: string): string | Failed => {
  try {
    const text = realpathSync.native(encodePath(path))
    return text.includes('\ufffd') ? decodePath(realpathSync.native(encodePath(path), 'buffer')) : text
  } catch (thrown) {
    return failureOf(thrown)
  }
}

/**
 * @param plain node:fs's own `lookup` and `getattr`
 * @param walk the walk by components, for what is missing, and for paths that end in a slash or in dots
 */
export const resolveOp = (
  plain: Pick<Lower['ops'], 'lookup' | 'getattr'>,
  walk: LowerOp<'resolve'>,
): LowerOp<'resolve'> => {
  const isLinkMode = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK
  const ask = (path: string, follow: boolean): Request<'getattr'> => ({ path, follow, precise: false })
  return {
    sync(req, cx) {
      const { path, follow } = req
      const name = lastName(path)
      if (name === undefined) return walk.sync(req, cx)
      // Asked without an Error first: most of what is resolved and fails is a file yet to be made.
      const stats = plain.getattr.sync(ask(path, follow), cx)
      if (stats instanceof Failed) return stats.errno === 'ENOENT' ? walk.sync(req, cx) : stats
      if (isLinkMode(stats.mode)) {
        const parent = realSync(path.slice(0, -name.length))
        return parent instanceof Failed ? parent : foundLink(parent, name)
      }
      const real = realSync(path)
      return real instanceof Failed ? real : found(real)
    },
    async(req, done, cx) {
      const { path, follow } = req
      const name = lastName(path)
      if (name === undefined) {
        walk.async(req, done, cx)
        return
      }
      const real = (of: string, then: (real: string) => Reply<'resolve'>): void =>
        realpath.native(encodePath(of), 'buffer', (error, bytes) => {
          if (error === null) {
            done(null, then(textOf(bytes)))
            return
          }
          let failed: Failed
          try {
            failed = failureOf(error)
          } catch (bug) {
            done(bug, undefined as never)
            return
          }
          done(null, failed)
        })
      plain.getattr.async(
        ask(path, follow),
        (bug, stats) => {
          if (bug !== null) done(bug, undefined as never)
          else if (stats instanceof Failed) {
            if (stats.errno === 'ENOENT') walk.async(req, done, cx)
            else done(null, stats)
          } else if (isLinkMode(stats.mode)) real(path.slice(0, -name.length), (parent) => foundLink(parent, name))
          else real(path, found)
        },
        cx,
      )
    },
  }
}
