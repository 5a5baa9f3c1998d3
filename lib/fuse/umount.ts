/** umount2(2), or fusermount3 for who may not call it. */
import { constants } from 'node:os'
import { MNT_DETACH, type Native, UMOUNT_NOFOLLOW } from '../native/index.js'
import { unmountByHelper } from './fusermount.js'

/** 0, or a negative errno: EBUSY without MNT_DETACH. `flags`: MNT_*. */
export const umount = (sys: Native, path: string, flags = 0): number => {
  const result = sys.umount2(path, UMOUNT_NOFOLLOW | flags)
  if (result !== -constants.errno.EPERM) return result
  return unmountByHelper(path, (flags & MNT_DETACH) !== 0)
}
