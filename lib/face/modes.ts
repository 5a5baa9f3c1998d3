/** File types in a mode and in a directory entry, and limits of path resolution, as Linux has them. */
import { constants } from 'node:fs'

export { PATH_MAX, S_IFDIR, S_IFLNK, S_IFMT } from '../namei.js'
export const S_IFREG = 0o100000
export const S_IFIFO = 0o010000
export const S_IFSOCK = 0o140000
/** Symbolic links that one resolution may follow. */
export const MAX_LINKS = 40

type DirentType = 'UNKNOWN' | 'FILE' | 'DIR' | 'LINK' | 'FIFO' | 'SOCKET' | 'CHAR' | 'BLOCK'
/** node:fs's constants that its types do not name. */
export const DIRENT = constants as unknown as { readonly [T in `UV_DIRENT_${DirentType}`]: number }
