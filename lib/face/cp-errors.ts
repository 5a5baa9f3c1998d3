/** What cp refuses, as Node words it. */
import { constants } from 'node:os'
import { systemError } from './errors.js'

const { EEXIST, EINVAL, EISDIR, ENOTDIR } = constants.errno

const refuse = (kind: string, code: string, errno: number, message: string, path: string): Error =>
  systemError(kind, { message, path, syscall: 'cp', errno, code })

export const sameFile = (dest: string): Error =>
  refuse('ERR_FS_CP_EINVAL', 'EINVAL', EINVAL, 'src and dest cannot be the same', dest)
export const dirToNonDir = (src: string, dest: string): Error =>
  refuse(
    'ERR_FS_CP_DIR_TO_NON_DIR',
    'EISDIR',
    EISDIR,
    `cannot overwrite non-directory ${dest} with directory ${src}`,
    dest,
  )
export const nonDirToDir = (src: string, dest: string): Error =>
  refuse(
    'ERR_FS_CP_NON_DIR_TO_DIR',
    'ENOTDIR',
    ENOTDIR,
    `cannot overwrite directory ${dest} with non-directory ${src}`,
    dest,
  )
/** @param what the directory named in the message, which may be where a link leads */
export const intoItself = (what: string, into: string, dest: string): Error =>
  refuse('ERR_FS_CP_EINVAL', 'EINVAL', EINVAL, `cannot copy ${what} to a subdirectory of self ${into}`, dest)
export const notRecursive = (src: string, sync: boolean): Error =>
  refuse('ERR_FS_EISDIR', 'EISDIR', sync ? EINVAL : EISDIR, `${src} is a directory (not copied)`, src)
export const alreadyThere = (dest: string): Error =>
  refuse('ERR_FS_CP_EEXIST', 'EEXIST', EEXIST, `${dest} already exists`, dest)
export const overSubdirectory = (into: string, from: string, dest: string): Error =>
  refuse('ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY', 'EINVAL', EINVAL, `cannot overwrite ${into} with ${from}`, dest)
export const socket = (dest: string): Error =>
  refuse('ERR_FS_CP_SOCKET', 'EINVAL', EINVAL, `cannot copy a socket file: ${dest}`, dest)
export const fifo = (dest: string): Error =>
  refuse('ERR_FS_CP_FIFO_PIPE', 'EINVAL', EINVAL, `cannot copy a FIFO pipe: ${dest}`, dest)
export const unknownType = (dest: string): Error =>
  refuse('ERR_FS_CP_UNKNOWN', 'EINVAL', EINVAL, `cannot copy an unknown file type: ${dest}`, dest)
