/** xattrElision: answers requests for extended attributes that are not there, without asking for each of them. */
import { closed, decodeOptions, milliseconds, positiveInteger } from '../../lib/codec/options.js'
import { type Layer, layer } from '../../lib/layer.js'
import { Elision } from './elision.js'

export interface XattrElisionOptions {
  /** The most inodes to know about. Default 65536. */
  readonly maxEntries?: number
  /** How long, in milliseconds, until a name is asked for again: what others set is seen after that. Default 1000. */
  readonly ttlMs?: number
}
export interface XattrElision extends Layer {
  /** Forget what is known of the file that `path` leads to; of all files where it is left out or not known. */
  invalidate(path?: string): void
  /** `elided`: requests answered here; `asked`: lists and names asked for below; `entries`: inodes known. */
  stats(): { elided: number; asked: number; entries: number; maxEntries: number }
}

const codec = closed({}, { maxEntries: positiveInteger, ttlMs: milliseconds }, 'an object of options')

/**
 * Learns which files have which extended attributes, and answers ENODATA and empty lists itself. A name that exists is
 * never denied: what is set, removed, renamed over or unlinked through the stack is forgotten before the request goes
 * down and again after its reply. Another process's changes are seen after `ttlMs`, or by `invalidate`.
 * Names are learnt from the list of all of them, in the namespaces that are listed. What the absence of a name is called
 * (ENODATA, or ENOTSUP where its namespace is not kept) is learnt for each filesystem from the first such request.
 * @throws {ConfigError} naming the option
 */
export const xattrElision = (options?: XattrElisionOptions): XattrElision => {
  const { maxEntries = 65536, ttlMs = 1000 } = decodeOptions('xattrElision', codec, options)
  const listeners: ((path: string | undefined) => void)[] = []
  const elision = new Elision(maxEntries, ttlMs)
  const { extensions } = elision
  const stats = () => elision.stats()
  const made = layer('xattrElision', extensions, {
    answers: true,
    stateful: true,
    stats,
    attach: (site) => {
      elision.ids.attach(site)
    },
    offload: { elideXattrs: true, onInvalidate: (listener) => listeners.push(listener) },
  })
  return {
    ...made,
    stats,
    invalidate(path) {
      elision.invalidate(path)
      for (const listener of listeners) listener(path)
    },
  }
}
