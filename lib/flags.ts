/** The bits of open(2) flags, modes and access masks that layers look at; 0 where this system has no such flag. */
import { constants } from 'node:fs'

const bits = constants as Partial<Record<string, number>>

export const O_ACCMODE = 3
export const O_WRONLY = constants.O_WRONLY
export const O_CREAT = constants.O_CREAT
export const O_EXCL = constants.O_EXCL
export const O_TRUNC = constants.O_TRUNC
export const O_NOFOLLOW = bits.O_NOFOLLOW ?? 0
export const O_DIRECTORY = bits.O_DIRECTORY ?? 0
/** Linux's __O_TMPFILE, which Node does not name (asm-generic/fcntl.h). */
export const O_TMPFILE = process.platform === 'linux' ? 0o20000000 : 0
/** Linux's O_PATH (asm-generic/fcntl.h). */
export const O_PATH = process.platform === 'linux' ? 0o10000000 : 0

export const R_OK = 4
export const W_OK = 2
export const X_OK = 1
