/** How a request goes down once it is decided. */
import { type Dentry, forward, NEXT, type PathOp, type Request } from '../../lib/layer.js'
import type { Place } from './walk.js'

/** The request with its dentry: whoever is below must not follow a link in its path. */
export const annotate = <O extends PathOp>(req: Request<O>, dentry: Dentry) => {
  // Faces leave room for it, so that nothing is copied where nothing has changed.
  if (!('dentry' in req)) return forward<O>({ ...(req as object), dentry } as unknown as Request<O>)
  ;(req as { dentry?: Dentry }).dentry = dentry
  return NEXT
}

/** The same request, sent to where the path leads. */
export const at = <O extends PathOp>(req: Request<O>, { path, dentry }: Place): Request<O> =>
  ({ ...(req as object), path, dentry }) as unknown as Request<O>

/** The same request with its dentry: a copy, for whoever may have to send it otherwise. */
export const withDentry = <O extends PathOp>(req: Request<O>, dentry: Dentry): Request<O> =>
  ({ ...(req as object), dentry }) as unknown as Request<O>
