/** The host's files beneath one directory, which nothing that is asked here can leave. */
import { resolve as absolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoNumber, errnoText } from '../../errno.js'
import type { Lower, LowerOp } from '../../lower.js'
import type { Path } from '../../op.js'
import { decodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { hostAccessTimes } from '../host/access-times.js'
import { isInFlight } from '../host/in-flight.js'
import { hostLower } from '../host.js'
import { type Beneath, beneath, type Calls, type Resolver } from '../safe-path/index.js'
import { ownFiles } from './files.js'
import { linkPolicy, Targets } from './links.js'
import { watchOp } from './watch.js'

export interface RootedOptions {
  /**
   * What is answered where a symbolic link names something outside (an absolute target that is not beneath `dir`, or `..`
   * above it) and there is nothing of that name inside. Default `'ENOENT'`.
   */
  readonly escape?: 'ENOENT' | 'EACCES'
  /**
   * Go on where the platform cannot hold directories (anything but Linux with /proc): paths are then checked, and used by
   * name afterwards, so that whoever changes links or directories at the same time can lead a request outside.
   * Default false.
   */
  readonly unsafe?: boolean
  /** Use koffi where it is installed. Without it the same holds, at several times the cost. Default true. */
  readonly native?: boolean
}

const OPTIONS = new Set(['escape', 'unsafe', 'native'])

/**
 * node:fs confined beneath `dir`.
 *
 * - `dir` is held by a descriptor from now on: renaming or replacing it changes nothing.
 * - `/` is `dir`. `..` above it stays there, absolute link targets start there, as after chroot(2). An absolute target that
 *   spells `dir`'s own path on the host means the same file.
 * - Only the kernel's walk beneath the descriptor decides (openat2 with RESOLVE_BENEATH, else one component at a time, each
 *   directory held): a swapped link or directory cannot lead outside. Mounts beneath `dir` are inside.
 * - readlink tells a target that names something outside only where the same name exists inside, or where this object made
 *   the link; else it fails as `escape` says.
 * - File descriptors that were not opened here are EBADF.
 *
 * @param dir a directory: a path or a file: URL
 * @throws {TypeError} for options that are not known
 * @throws {Error} ENOENT, ENOTDIR … for what is no directory; ENOSYS where nothing can be guaranteed and `unsafe` is not set
 */
export const rootedLower = (dir: string | Uint8Array | URL, options: RootedOptions = {}): Lower => {
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name)) throw new TypeError(`rooted(dir, { ${name} }): expected ${[...OPTIONS].join(', ')}`)
  }
  const { escape: refused = 'ENOENT', unsafe = false, native = true } = options
  if (refused !== 'ENOENT' && refused !== 'EACCES') {
    throw new TypeError(`rooted(dir, { escape }): expected 'ENOENT' or 'EACCES', found ${String(refused)}`)
  }
  const host = absolute(hostPath(dir))
  const bases = [host]
  let strict: Resolver | undefined
  // By the strict one, so that asking can meet no further link.
  const exists = (path: Path): boolean => strict !== undefined && !(strict.stat(path, false, false) instanceof Failed)
  const policy = linkPolicy(bases, Failed.of(refused), exists)
  const all = beneath(host, { policy, native, unsafe })
  if (all instanceof Failed) throw refusal(host, all)
  strict = all.strict
  if (all.path !== host) bases.push(all.path)
  return lowerBeneath(all, new Targets(all.pick(undefined), policy))
}

const hostPath = (dir: string | Uint8Array | URL): string => {
  if (typeof dir === 'string') return dir
  if (dir instanceof Uint8Array) return decodePath(dir)
  if (dir instanceof URL) return fileURLToPath(dir)
  throw new TypeError(`rooted(dir): expected a path, found ${dir === null ? 'null' : typeof dir}`)
}

const refusal = (host: string, failed: Failed): Error => {
  const { errno } = failed
  const message =
    errno === 'ENOSYS'
      ? `rooted('${host}'): this platform cannot hold a directory while paths change (Linux with /proc can); ` +
        '{ unsafe: true } goes on without that guarantee'
      : `rooted('${host}'): ${errno}: ${errnoText(errno)}, open '${host}'`
  return Object.assign(new Error(message), { code: errno, errno: -errnoNumber(errno), syscall: 'open', path: host })
}

/** What serves open files: attributes by the calls that serve names, which cost less than node:fs's. */
const openFiles = (calls: Calls): Lower['ops'] => {
  const { ops } = hostLower()
  if (!calls.native) return ops
  const { getattr, setattr, release } = ops
  return {
    ...ops,
    release: {
      ...release,
      sync: (req, cx) => (isInFlight(req.fd) ? release.sync(req, cx) : calls.close(req.fd)),
    },
    getattr: {
      ...getattr,
      sync: (req, cx) => (req.fd === undefined ? getattr.sync(req, cx) : calls.stat(req.fd, req.precise)),
    },
    setattr: {
      ...setattr,
      sync(req, cx) {
        const { fd, set } = req
        // Only a file that is open can be cut without being opened; and node:fs rounds times in its own way.
        const plain = fd === undefined || set.size !== undefined || set.atime !== undefined || set.mtime !== undefined
        return plain ? setattr.sync(req, cx) : calls.setattr(fd, set)
      },
    },
  }
}

const lowerBeneath = ({ ops, pick, calls, listing }: Beneath, targets: Targets): Lower => {
  const paths = { ...ops, watch: watchOp(pick) }
  const readlink: LowerOp<'readlink'> = {
    sync(req, cx) {
      const target = ops.readlink.sync(req, cx)
      return target instanceof Failed ? target : targets.shown(req.path, target)
    },
    async: (req, done, cx) =>
      ops.readlink.async(
        req,
        (bug, target) => done(bug, bug !== null || target instanceof Failed ? target : targets.shown(req.path, target)),
        cx,
      ),
  }
  const symlink: LowerOp<'symlink'> = {
    sync(req, cx) {
      const failed = ops.symlink.sync(req, cx)
      if (failed === undefined) targets.made(req.path, req.target)
      return failed
    },
    async: (req, done, cx) =>
      ops.symlink.async(
        req,
        (bug, failed) => {
          if (bug === null && failed === undefined) targets.made(req.path, req.target)
          done(bug, failed)
        },
        cx,
      ),
  }
  return {
    name: 'rooted',
    // No object's own functions may serve here: they would reach the whole host.
    native: undefined,
    listing,
    ops: { ...paths, readlink, symlink, ...ownFiles(ops, openFiles(calls)) },
    capabilities: {
      stableInodes: true,
      xattr: calls.native,
      renameFlags: calls.native,
      linksFiles: calls.native,
      noFollow: calls.pins,
      kernelFiles: true,
      accessTimes: hostAccessTimes,
    },
  }
}
