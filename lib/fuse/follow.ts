/** A stack of the program's own over what is mounted: what is changed through it, the kernel is told. */
import { exchangeOf, type PlyFs } from '../face/node-fs.js'
import { type ExtensionMap, type Layer, layer, O_TRUNC, OP, OPS, type Op, type Reply, type Request } from '../layer.js'
import { stack } from '../plyfs.js'

export interface Follower {
  /** `path` alone was changed. */
  changed(path: string): void
  /** What is known of `path` and of everything beneath it does not count; undefined: nothing does. */
  forgotten(path: string | undefined): void
}

/** @throws {TypeError} for what stack() did not make */
export const followed = (fs: PlyFs, follower: Follower): PlyFs => {
  const x = exchangeOf(fs)
  if (x === undefined) throw new TypeError('follow(fs): expected what stack() returned')
  for (const { offload } of x.layers) offload?.onInvalidate?.((path) => follower.forgotten(path))
  return stack(fs, [teller(follower)])
}

const teller = (follower: Follower): Layer => {
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    if (OP[op].effect !== 'write') continue
    extensions[op] = {
      reply(value: Reply<Op>, req: Request<Op>): Reply<Op> {
        // Opening changes nothing by itself.
        if (op === 'open' && ((req as Request<'open'>).flags & O_TRUNC) === 0) return value
        for (const path of pathsOf(req)) {
          if (path === undefined) follower.forgotten(undefined)
          else follower.changed(path)
        }
        return value
      },
    }
  }
  return layer('told', extensions as ExtensionMap, { consents: 'watches' })
}

interface Paths {
  readonly path?: string
  readonly newPath?: string
  readonly fd?: number | undefined
  readonly file?: { readonly path: string } | undefined
  readonly fileOut?: { readonly path: string } | undefined
}
const pathsOf = (req: Request<Op>): (string | undefined)[] => {
  const { path, newPath, fd, file, fileOut } = req as Paths
  if (fd !== undefined) return fileOut === undefined ? [file?.path] : [fileOut.path]
  return newPath === undefined ? [path] : [path, newPath]
}
