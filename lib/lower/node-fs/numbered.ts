/** A filesystem that has promises alone: its open files are FileHandles, and get their numbers here. */
import type { FileHandle } from 'node:fs/promises'
import { apply } from '../../primordials.js'
import { Descriptors } from '../descriptors.js'
import type { AnyFs, Fn } from './calls.js'

type Back = (error: unknown, value?: unknown) => void
type Rest = readonly unknown[]

const same = (value: unknown): unknown => value
/** By node:fs's name: the FileHandle's, and what node:fs makes of its value. */
const METHODS: { readonly [name: string]: readonly [method: keyof FileHandle, from?: (value: unknown) => unknown] } = {
  read: ['read', (value) => (value as { bytesRead: number }).bytesRead],
  write: ['write', (value) => (value as { bytesWritten: number }).bytesWritten],
  fstat: ['stat'],
  ftruncate: ['truncate'],
  fsync: ['sync'],
  fdatasync: ['datasync'],
  fchmod: ['chmod'],
  fchown: ['chown'],
  futimes: ['utimes'],
}

/** `fs`, with functions on numbers that call back where it has only promises of FileHandles. */
export const numbered = (fs: AnyFs): AnyFs => {
  const promises = fs.promises as unknown as AnyFs | undefined
  const open = promises?.open
  if (typeof fs.open === 'function' || typeof fs.openSync === 'function' || typeof open !== 'function') return fs
  const files = new Descriptors<FileHandle>()

  /** Out of the promise, so that nothing that is thrown further up rejects it. */
  const settle = <T>(promise: Promise<T>, back: Back, from: (value: T) => unknown): void => {
    promise.then(
      (value) => setImmediate(back, null, from(value)),
      (error: unknown) => setImmediate(back, error),
    )
  }
  const on = <T>(fd: unknown, back: Back, use: (file: FileHandle) => Promise<T>, from: (value: T) => unknown): void => {
    const file = files.get(fd as number)
    if (file === undefined) back({ code: 'EBADF' })
    else settle(use(file), back, from)
  }
  const own: { [name: string]: Fn } = {
    open: (...args) => {
      const rest = args.slice(0, -1)
      const opening = Promise.resolve().then(() => apply(open, promises, rest)) as Promise<FileHandle>
      settle(opening, args.at(-1) as Back, (file) => files.add(file))
    },
    close: (fd, back) => {
      const file = files.remove(fd as number)
      if (file === undefined) (back as Back)({ code: 'EBADF' })
      else settle(file.close(), back as Back, same)
    },
  }
  for (const [name, [method, from = same]] of Object.entries(METHODS)) {
    own[name] = (fd, ...rest: Rest) =>
      on(
        fd,
        rest.at(-1) as Back,
        (file) => apply(file[method] as Fn, file, rest.slice(0, -1)) as Promise<unknown>,
        from,
      )
  }
  return Object.assign(Object.create(fs) as AnyFs, own, { promises })
}
