/** Methods whose callback stands where no rule for all of them finds it. */
import type { Fn, Method } from './method.js'

/** `method` with its callback convention called through `arranged`, which is given that and all arguments. */
export const arrange = (method: Method, arranged: (call: Fn, args: readonly unknown[]) => void): Method => ({
  ...method,
  callback: (v) => {
    const call = method.callback?.(v) as Fn
    return (...args: unknown[]) => arranged(call, args)
  },
})

/** What nobody waits for, and fails, ends the process. */
const rethrow = (error: unknown): void => {
  if (error !== null) throw error
}

/** close(fd[, callback]) */
export const closeArguments = (call: Fn, [fd, callback = rethrow]: readonly unknown[]): void => call(fd, callback)

/** open(path[, flags[, mode]], callback): of two arguments the second is the callback, whatever it is. */
export const openArguments = (call: Fn, args: readonly unknown[]): void => {
  const [path, flags, mode, callback] = args
  if (args.length < 3) call(path, undefined, undefined, flags)
  else call(path, flags, mode, callback)
}

/** symlink(target, path[, type], callback): the last argument is the callback, whatever it is. */
export const symlinkArguments = (call: Fn, args: readonly unknown[]): void => {
  const [target, path, type] = args
  call(target, path, typeof type === 'string' ? type : undefined, args.at(-1))
}
