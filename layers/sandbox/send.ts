/**
 * How a request goes down once it is decided: with `fd` and `file` of its own, so that nothing is found in a prototype that
 * somebody wrote to.
 */
import { type Dentry, forward, NEXT, type PathOp, type Request } from '../../lib/layer.js'
import type { Place } from './walk.js'

interface Annotated {
  dentry: Dentry
  newDentry: Dentry
  fd: undefined
  file: undefined
}
/** Has what somebody wrote to `Object.prototype`: fields must then be made, since to assign them may do anything. */
const BLANK = {}
const isBlank = (): boolean => !('dentry' in BLANK || 'newDentry' in BLANK || 'fd' in BLANK || 'file' in BLANK)

/** The request with its dentry: whoever is below must not follow a link in its path. */
export const annotate = <O extends PathOp>(req: Request<O>, dentry: Dentry) => {
  const sent = withDentry<O>(req, dentry)
  return sent === req ? NEXT : forward<O>(sent)
}

/** The request with the dentries of both of its names. */
export const annotateBoth = <O extends 'link' | 'rename'>(req: Request<O>, dentry: Dentry, newDentry: Dentry) => {
  if (isBlank()) {
    try {
      const annotated = req as unknown as Annotated
      annotated.newDentry = newDentry
      annotated.dentry = dentry
      annotated.fd = undefined
      annotated.file = undefined
      return NEXT
    } catch {
      // Frozen.
    }
  }
  return forward<O>({ ...(req as object), dentry, newDentry, fd: undefined, file: undefined } as unknown as Request<O>)
}

/** The same request, sent to where the path leads. */
export const at = <O extends PathOp>(req: Request<O>, { path, dentry }: Place): Request<O> =>
  ({ ...(req as object), path, dentry, fd: undefined, file: undefined }) as unknown as Request<O>

/** The same request, sent to where its two paths lead. */
export const between = <O extends 'link' | 'rename'>(req: Request<O>, from: Place, to: Place): Request<O> =>
  ({
    ...(req as object),
    path: from.path,
    dentry: from.dentry,
    newPath: to.path,
    newDentry: to.dentry,
    fd: undefined,
    file: undefined,
  }) as unknown as Request<O>

/** The request with its dentry: the same object, for which faces leave room; a copy where it cannot be written to. */
const withDentry = <O extends PathOp>(req: Request<O>, dentry: Dentry): Request<O> => {
  if (isBlank()) {
    try {
      const annotated = req as unknown as Annotated
      annotated.dentry = dentry
      annotated.fd = undefined
      annotated.file = undefined
      return req
    } catch {
      // Frozen.
    }
  }
  return { ...(req as object), dentry, fd: undefined, file: undefined } as unknown as Request<O>
}
