/** The layers that serve a mount, told what others have changed; and what they say of it by themselves. */
import type { Layer } from '../extension.js'
import type { Session } from './session.js'

interface Forgetful extends Layer {
  invalidate(path?: string): void
}
const isForgetful = (layer: Layer): layer is Forgetful => typeof (layer as Partial<Forgetful>).invalidate === 'function'
/** Whether it passes paths on as they are: those that speak of the kernel do, and guards. */
export const isPlain = ({ offload, pinned }: Layer): boolean => offload !== undefined || pinned === true

/** From now on, what a layer is told to forget is noted in `s.forgotten`. */
export const listen = (s: Session): void => {
  let plain = true
  for (const layer of s.x.layers) {
    const known = plain
    layer.offload?.onInvalidate?.((path) => {
      if (!s.isForgetting) s.forgotten.push(known ? path : undefined)
    })
    plain &&= isPlain(layer)
  }
}

/** Makes the layers forget; an empty list: everything. */
export const forget = (s: Session, paths: readonly string[]): void => {
  s.near.leave()
  s.isForgetting = true
  let plain = true
  for (const layer of s.x.layers) {
    if (isForgetful(layer)) {
      if (!plain || paths.length === 0) layer.invalidate()
      else for (const path of paths) layer.invalidate(path)
    }
    plain &&= isPlain(layer)
  }
  s.isForgetting = false
}
