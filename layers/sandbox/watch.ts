/** watch: events name files, so that only those that may be seen are told of. */
import { attempt, type Extension, Failed, type WatchSink } from '../../lib/layer.js'
import { ALL, LIST, type Ruleset, STAT } from './decide.js'
import { at } from './send.js'
import { find } from './straight.js'
import { FOLLOW } from './walk.js'
import type { Warden } from './warden.js'

export const watch = (w: Warden): Extension<'watch'> => ({
  *around(req, cx) {
    const q = w.question('watch', cx, req.path, FOLLOW, 0, LIST | STAT)
    const found = yield* find(q, w)
    if (found instanceof Failed) return found
    const { dentry, isDirectory } = found
    const needs = isDirectory ? LIST : STAT
    if ((q.rules.judge(dentry.path) & needs) === 0) return w.refuseAt('watch', cx.caller, req.path, dentry.path, needs)
    w.allow('watch', cx.caller, req.path, dentry.path, needs)
    const sink = isDirectory ? new Sieve(req.sink, dentry.path, q.rules) : req.sink
    return yield* attempt('watch', { ...at<'watch'>(req, found), sink })
  },
})

/** Lets through the events of a directory's entries that may be seen. */
class Sieve implements WatchSink {
  readonly #sink: WatchSink
  readonly #from: string
  readonly #rules: Ruleset
  constructor(sink: WatchSink, path: string, rules: Ruleset) {
    this.#sink = sink
    this.#from = path === '/' ? '' : path
    this.#rules = rules
  }
  change(eventType: 'rename' | 'change', filename: string | null): void {
    // Without a name it says only that something happened here.
    if (filename !== null && (this.#rules.judge(`${this.#from}/${filename}`) & ALL) === 0) return
    this.#sink.change(eventType, filename)
  }
  error(errno: string): void {
    this.#sink.error(errno)
  }
}
