/** What really happens to each opcode, by its manual page in section 2. */
import type { Errno, Op } from '../../lib/layer.js'

const NAMES = ['EACCES', 'EIO', 'ENOMEM'] as const
const MAKING = ['ENOSPC', 'EACCES', 'EIO', 'EDQUOT'] as const
const REMOVING = ['EACCES', 'EBUSY', 'EIO', 'EPERM'] as const
const OPENING = ['EMFILE', 'ENFILE', 'EACCES', 'EIO', 'EINTR'] as const
const XATTRS = ['ENOTSUP', 'EIO', 'EACCES'] as const

export const ERRNOS: { readonly [O in Op]: readonly Errno[] } = {
  lookup: NAMES,
  getattr: NAMES,
  setattr: ['EPERM', 'EACCES', 'EIO', 'EROFS'],
  readlink: NAMES,
  symlink: MAKING,
  mknod: MAKING,
  mkdir: MAKING,
  unlink: REMOVING,
  rmdir: REMOVING,
  link: ['ENOSPC', 'EMLINK', 'EXDEV', 'EPERM', 'EIO'],
  open: OPENING,
  read: ['EIO', 'EINTR', 'EAGAIN'],
  write: ['ENOSPC', 'EIO', 'EDQUOT', 'EINTR', 'EFBIG'],
  statfs: ['EIO', 'EACCES'],
  release: ['EIO', 'EINTR', 'ENOSPC'],
  fsync: ['EIO', 'ENOSPC', 'EDQUOT'],
  setxattr: ['ENOSPC', ...XATTRS],
  getxattr: XATTRS,
  listxattr: XATTRS,
  removexattr: XATTRS,
  opendir: ['EMFILE', 'ENFILE', 'EACCES', 'EIO'],
  readdir: ['EIO', 'EMFILE', 'EACCES'],
  access: NAMES,
  create: ['ENOSPC', 'EDQUOT', ...OPENING],
  fallocate: ['ENOSPC', 'EIO', 'EINTR', 'ENOTSUP'],
  rename: ['EACCES', 'EBUSY', 'EXDEV', 'ENOSPC', 'EIO'],
  lseek: ['EIO', 'ENXIO'],
  copy_file_range: ['ENOSPC', 'EIO', 'EXDEV'],
  syncfs: ['EIO', 'ENOSPC'],
  tmpfile: ['ENOSPC', ...OPENING],
  resolve: NAMES,
  watch: ['ENOSPC', 'EMFILE', 'ENOMEM'],
}
