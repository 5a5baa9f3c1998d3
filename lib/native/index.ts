/**
 * The Linux system calls that node:fs does not express. Every function is synchronous and throws nothing: it answers a
 * value, 0, or a negative errno (`lib/errno.ts` has their names). One instance a thread.
 */
import { makeArena } from './arena.js'
import { type At, makeAt } from './at.js'
import { type Cred, makeCred } from './cred.js'
import { type Io, makeIo } from './io.js'
import { type Mounting, makeMounting } from './mount.js'
import { makeSocket, type Socket } from './socket.js'
import { makeStat, type Stat } from './statx.js'
import { sys } from './sys.js'
import { makeXattr, type Xattr } from './xattr.js'

export type { PathArg } from './arena.js'
export * from './at.js'
export { CLONE_FS, CLONE_NEWNS, type Cred } from './cred.js'
export { descriptors } from './descriptors.js'
export * from './io.js'
export * from './mount.js'
export type { Socket } from './socket.js'
export * from './statx.js'
export * from './xattr.js'

export type Native = Xattr & At & Stat & Io & Cred & Mounting & Socket

let made: { readonly native: Native | undefined } | undefined

const make = (): Native | undefined => {
  const calls = sys()
  if (calls === undefined) return undefined
  const arena = makeArena(calls)
  return {
    ...makeXattr(calls, arena),
    ...makeAt(calls, arena),
    ...makeStat(calls, arena),
    ...makeIo(calls, arena),
    ...makeCred(calls, arena),
    ...makeMounting(calls, arena),
    ...makeSocket(calls, arena),
  }
}

/** undefined on anything but Linux on x64 or arm64, and without koffi (an optional peer dependency). */
export const native = (): Native | undefined => {
  made ??= { native: make() }
  return made.native
}
