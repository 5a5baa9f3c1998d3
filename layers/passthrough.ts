/** passthrough: open files whose reads and writes go straight to the lower. */
import { callable, closed, decodeOptions } from '../lib/codec/options.js'
import { type Layer, layer, NEXT, type OpenFile, PASSTHROUGH, type Site } from '../lib/layer.js'

export interface PassthroughOptions {
  /** Which open files. Called once for each, in the request that opens it, and must not block. Default: all of them. */
  readonly when?: ((file: OpenFile) => boolean) | undefined
}
export interface Passthrough extends Layer {
  /** `opened`: files that were opened; `passed`: of these, passed through; `refused`: kept back by a layer below. */
  stats(): Record<string, number>
}

const codec = closed({}, { when: callable<(file: OpenFile) => boolean>() }, "passthrough's options")

/**
 * Registers an open file when it is opened: its reads and writes then skip every layer below that is not pinned, and where
 * no hook at all is left to look at them, the face goes straight to the lower. Only where every layer below agrees: one that
 * changes what is read or written does not.
 * @throws {ConfigError} for a `when` that is no function, and for unknown options
 */
export const passthrough = (options?: PassthroughOptions): Passthrough => {
  const { when } = decodeOptions('passthrough', codec, options)
  let site: Site | undefined
  let opened = 0
  let passed = 0
  let refused = 0
  const register = (fd: number): number => {
    const file = site?.file(fd)
    if (site === undefined || file === undefined) return fd
    opened++
    if (when !== undefined && !when(file)) return fd
    if (site.pass(file)) passed++
    else refused++
    return fd
  }
  const opens = { reply: register }
  const passes = {
    request: ({ file }: { readonly file?: OpenFile | undefined }) => (file?.passed === true ? PASSTHROUGH : NEXT),
  }
  const stats = () => ({ opened, passed, refused })
  const made = layer(
    'passthrough',
    { open: opens, create: opens, read: passes, write: passes },
    {
      consents: true,
      stateful: true,
      stats,
      attach: (given) => {
        site = given
      },
      offload: { passthrough: true },
    },
  )
  return { ...made, stats }
}
