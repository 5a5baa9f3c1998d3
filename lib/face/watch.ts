/** watch and fs.promises.watch: FSWatcher over the opcode `watch`. */
import { runSync } from '../driver/sync.js'
import type { WatchHandle } from '../op.js'
import { Failed } from '../verdict.js'
import { abortError, checkAborted, invalidArgValue } from './codes.js'
import { fsError } from './errors.js'
import { encodeName, encodingOf } from './fields.js'
import { FSWatcher, type Sink } from './fs-watcher.js'
import type { Method } from './method.js'
import {
  callbackOf,
  checkBoolean,
  copiedOptions,
  integerOf,
  objectOf,
  pathOf,
  shownPath,
  signalOf,
} from './validate.js'
import { WATCH_SWAPS_ENCODING } from './versions.js'
import { contextOf, type View } from './view.js'

/** Starts a watcher below. @throws the Error of a failure, with `filename` as Node's has it */
const start = (
  v: View,
  path: unknown,
  options: { persistent: boolean; recursive: boolean; encoding: string | undefined },
  sink: Sink,
): WatchHandle => {
  const { persistent, recursive, encoding } = options
  const shown = shownPath(path)
  const failure = (failed: Failed, syscall = 'watch'): NodeJS.ErrnoException =>
    Object.assign(fsError(failed, syscall, shown), { filename: shown })
  const out = runSync(
    v.x,
    'watch',
    {
      path: pathOf(path),
      persistent,
      recursive,
      sink: {
        change: (eventType, filename) =>
          sink(null, eventType, filename === null ? null : encodeName(filename, encoding)),
        error: (errno) => sink(failure(Failed.of(errno)), 'error', null),
      },
    },
    contextOf(v),
  )
  // Where the system cannot watch a tree, Node looks at its top first.
  if (out instanceof Failed) throw failure(out, recursive && process.platform === 'linux' ? 'stat' : 'watch')
  return out
}

/** What Node checks of a recursive watcher, which it makes itself where the system has none: nothing where it has. */
const checkRecursive = ({ recursive, persistent, signal, encoding }: Record<string, unknown>): boolean => {
  if (!recursive) return false
  if (process.platform !== 'linux') return true
  checkBoolean(recursive, 'options.recursive')
  if (persistent !== undefined && persistent !== null) checkBoolean(persistent, 'options.persistent')
  if (signal !== null) signalOf(signal)
  if (encoding !== undefined && encoding !== null && typeof encoding !== 'string') {
    // The wrong way round, as Node has it.
    throw invalidArgValue(String(encoding), 'options.encoding')
  }
  return true
}

/** What Node keeps for a consumer that is slower than the events (`maxQueue` of later versions). */
const MAX_QUEUE = 2048

async function* watchPromise(v: View, path: unknown, given: unknown = {}) {
  pathOf(path)
  const options = copiedOptions(objectOf(given, 'options'))
  const { persistent = true, maxQueue = MAX_QUEUE, overflow = 'ignore' } = options
  const { recursive: deep } = options
  if (deep !== undefined) checkBoolean(deep, 'options.recursive')
  const checked = checkRecursive(options)
  // Nor is 'buffer' one, to Node.
  if (!checked && options.encoding && !Buffer.isEncoding(options.encoding as string)) {
    const { encoding } = options
    throw WATCH_SWAPS_ENCODING
      ? invalidArgValue(String(encoding), 'encoding', 'is invalid encoding')
      : invalidArgValue('encoding', encoding, 'is invalid encoding')
  }
  const known = !checked || Buffer.isEncoding((options.encoding as string) || 'utf8') || options.encoding === 'buffer'
  const settings = {
    persistent: checked ? persistent !== false : checkBoolean(persistent, 'options.persistent'),
    recursive: checked,
    encoding: known ? encodingOf(options) : undefined,
  }
  const most = integerOf(maxQueue, 'options.maxQueue', 1, Number.MAX_SAFE_INTEGER)
  if (overflow !== 'ignore' && overflow !== 'error') throw invalidArgValue('options.overflow', overflow)
  const signal = checked && options.signal === null ? undefined : signalOf(options.signal)
  checkAborted(signal)
  const queue: { eventType: string; filename: string | Buffer | null }[] = []
  let failure: unknown
  let wake: (() => void) | undefined
  const watcher = start(v, path, settings, (error, eventType, filename) => {
    if (error !== null) failure ??= error
    else if (queue.length < most) queue.push({ eventType, filename })
    else if (overflow === 'error') failure ??= new Error(`fs.watch maximum queue size exceeded: ${most}`)
    wake?.()
  })
  const aborted = (): void => {
    failure ??= abortError(signal)
    wake?.()
  }
  signal?.addEventListener('abort', aborted, { once: true })
  try {
    for (;;) {
      const event = queue.shift()
      if (failure !== undefined) throw failure
      if (event !== undefined) yield event
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
    }
  } finally {
    watcher.close()
    signal?.removeEventListener('abort', aborted)
  }
}

export const watch: Method = {
  ops: ['watch'],
  callback: (v) => (path: unknown, given?: unknown, listenerGiven?: unknown) => {
    const listener = typeof given === 'function' ? given : listenerGiven
    const options = copiedOptions(given)
    const encoding = encodingOf(options)
    const signal = signalOf(options.signal)
    const persistent = options.persistent === undefined ? true : Boolean(options.persistent)
    const recursive = checkRecursive(options)
    const watcher = new FSWatcher((sink) => start(v, path, { persistent, recursive, encoding }, sink))
    if (listener) watcher.on('change', callbackOf(listener, 'listener'))
    if (signal?.aborted) process.nextTick(() => watcher.close())
    else if (signal !== undefined) {
      const close = (): void => watcher.close()
      signal.addEventListener('abort', close)
      watcher.once('close', () => signal.removeEventListener('abort', close))
    }
    return watcher
  },
  promise: (v) =>
    function watch(path: unknown, options?: unknown) {
      return watchPromise(v, path, options)
    },
}
