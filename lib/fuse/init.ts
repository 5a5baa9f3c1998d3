/** INIT: what the kernel and the session agree on. */
import { INIT_FLAGS as F, FUSE_KERNEL_MINOR_VERSION, FUSE_KERNEL_VERSION, FUSE_MIN_MINOR_VERSION } from './abi.js'
import type { Knobs } from './offload.js'
import type { InitOut } from './reply.js'
import type { RequestTable } from './request.js'

/** Bytes in one WRITE, and in one READ. */
export const MAX_WRITE = 1 << 20
const PAGE = 4096

/** Always asked for. Locks are left to the kernel: neither POSIX_LOCKS nor FLOCK_LOCKS. */
const ALWAYS =
  F.FUSE_ASYNC_READ |
  F.FUSE_ATOMIC_O_TRUNC |
  F.FUSE_BIG_WRITES |
  F.FUSE_AUTO_INVAL_DATA |
  F.FUSE_ASYNC_DIO |
  F.FUSE_PARALLEL_DIROPS |
  F.FUSE_MAX_PAGES |
  F.FUSE_HAS_EXPIRE_ONLY |
  F.FUSE_CREATE_SUPP_GROUP |
  F.FUSE_DIRECT_IO_ALLOW_MMAP

/** The reply, or undefined for a kernel that is too old or of another major version. */
export const negotiate = (asked: RequestTable['init'], knobs: Knobs): InitOut | undefined => {
  if (asked.major !== FUSE_KERNEL_VERSION || asked.minor < FUSE_MIN_MINOR_VERSION) return undefined
  let wanted = ALWAYS
  if (knobs.readdirplus) wanted |= F.FUSE_DO_READDIRPLUS
  if (knobs.cacheSymlinks) wanted |= F.FUSE_CACHE_SYMLINKS
  if (knobs.noOpendir) wanted |= F.FUSE_NO_OPENDIR_SUPPORT
  // The kernel then keeps ACLs with the inode, and minds them.
  if (knobs.posixAcl) wanted |= F.FUSE_POSIX_ACL | F.FUSE_SETXATTR_EXT
  if (knobs.killpriv) wanted |= F.FUSE_HANDLE_KILLPRIV_V2
  if (knobs.passthrough) wanted |= F.FUSE_PASSTHROUGH
  return {
    major: FUSE_KERNEL_VERSION,
    minor: Math.min(asked.minor, FUSE_KERNEL_MINOR_VERSION),
    max_readahead: asked.max_readahead,
    flags: asked.flags & wanted,
    max_background: 64,
    congestion_threshold: 48,
    max_write: MAX_WRITE,
    time_gran: 1,
    max_pages: MAX_WRITE / PAGE,
    map_alignment: 0,
    max_stack_depth: (asked.flags & wanted & F.FUSE_PASSTHROUGH) === 0n ? 0 : knobs.maxStackDepth,
    request_timeout: 0,
  }
}
