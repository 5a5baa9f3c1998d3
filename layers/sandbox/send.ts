/** How a request goes down once it is decided. */
import { type Dentry, forward, NEXT, type PathOp, type Request } from '../../lib/layer.js'
import type { Place } from './walk.js'

const { hasOwn } = Object
/** Fields of its own, so that nothing is found in a prototype that somebody wrote to. */
const NO_FILE = { fd: undefined, file: undefined } as const

/** The request with its dentry: whoever is below must not follow a link in its path. */
export const annotate = <O extends PathOp>(req: Request<O>, dentry: Dentry) => {
  // Faces leave room for it, so that nothing is copied where nothing has changed.
  if (!hasOwn(req, 'dentry') || !hasOwn(req, 'fd')) return forward<O>(withDentry<O>(req, dentry))
  ;(req as { dentry?: Dentry }).dentry = dentry
  return NEXT
}

/** The same request, sent to where the path leads. */
export const at = <O extends PathOp>(req: Request<O>, { path, dentry }: Place): Request<O> =>
  ({ ...(req as object), path, dentry, ...NO_FILE }) as unknown as Request<O>

/** The same request with its dentry: a copy, for whoever may have to send it otherwise. */
export const withDentry = <O extends PathOp>(req: Request<O>, dentry: Dentry): Request<O> =>
  ({ ...(req as object), dentry, ...NO_FILE }) as unknown as Request<O>
