/**
 * The life of one object of node:fs: what is done to it, and all that it tells. Printed into scripts as it stands, so it
 * knows nothing but its arguments and the globals.
 */

// biome-ignore lint/suspicious/noExplicitAny: whatever a filesystem gives, under any name
type Any = any

/** What is done, with which arguments; `besideClose`: and the object is closed before that has ended. */
export type Act = readonly [does: string, args: readonly Any[], besideClose?: boolean | undefined]

export const live = async (fs: Any, kind: string, args: readonly Any[], acts: readonly Act[]): Promise<unknown[]> => {
  const log: unknown[] = []
  const note = (...entry: unknown[]): void => {
    log.push(entry)
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const until = async (what: string, ms: number, done: () => boolean): Promise<void> => {
    const end = Date.now() + ms
    while (!done()) {
      if (Date.now() > end) {
        note(what, 'does not come')
        return
      }
      await (ms > 5000 ? turn() : new Promise((resolve) => setTimeout(resolve, 1)))
    }
  }
  /** Also where nothing else keeps the process alive. */
  const inTime = (out: Any): Promise<unknown> => {
    let timer: Any
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, 3000, 'does not come')
    })
    return Promise.race([out, late]).finally(() => clearTimeout(timer))
  }
  /** What is thrown at once is not what a promise is rejected with. */
  const tried = async (name: string, run: () => Any): Promise<void> => {
    let out: Any
    try {
      out = run()
    } catch (error) {
      note(name, 'throws', error)
      return
    }
    try {
      note(name, await inTime(out))
    } catch (error) {
      note(name, 'rejects', error)
    }
  }
  const called = (run: (back: (...out: unknown[]) => void) => unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      run((error, value) => (error ? reject(error) : resolve(value)))
    })

  const follow = async (name: string, stream: Any, pieces: readonly Any[], autoClose: unknown, cut: Any) => {
    const reading = name === 'createReadStream'
    let uncut = true
    const doCut = (where: string): void => {
      if (cut?.on !== where || !uncut) return
      uncut = false
      if (cut.does === 'destroy') stream.destroy()
      else if (cut.does === 'fail') stream.destroy(new Error('enough'))
      else if (cut.does === 'close') stream.close((error: unknown) => note('closed', error))
      else if (cut.does === 'abort') cut.controller.abort()
      else if (cut.does === 'pause') {
        if (reading) {
          stream.pause()
          setTimeout(() => stream.resume(), 1)
        } else {
          stream.cork()
          const uncork = (): void => {
            if (stream.fd !== null && !stream.destroyed) stream.uncork()
            else if (!stream.destroyed && !stream.errored) setTimeout(uncork, 1)
          }
          setTimeout(uncork, 1)
        }
      }
    }
    for (const event of ['open', 'ready', 'end', 'finish', 'close', 'drain']) {
      stream.on(event, (value: unknown) => {
        note(event, typeof value)
        doCut(event)
      })
    }
    stream.on('error', (error: unknown) => note('error', error))
    if (reading) {
      stream.on('data', (piece: unknown) => {
        note('data', piece)
        doCut('data')
      })
    } else {
      for (const piece of pieces) {
        const more = stream.write(piece, (error: unknown) => {
          note('written', error)
          doCut('data')
        })
        note('write', more)
      }
      stream.end((error: unknown) => note('ended', error))
    }
    doCut('made')
    const over = () =>
      stream.closed ||
      (autoClose === false && !stream.destroyed && (stream.readableEnded || stream.writableFinished || stream.errored))
    await until(name, 3000, over)
    for (let k = 0; k < 3; k++) await turn()
    // Destroyed before it was open, it is closed before the file is made: after whatever waits for a thread now.
    if (cut?.on === 'before') {
      for (let k = 0; k < 6; k++) await Promise.all(Array.from({ length: 8 }, () => fs.promises.lstat('/')))
    }
    const { bytesRead, bytesWritten, pending, destroyed, closed, path, flags, start } = stream
    note('after', {
      bytesRead,
      bytesWritten,
      pending,
      destroyed,
      closed,
      path,
      flags,
      start,
      fd: stream.fd === null,
    })
    note('state', stream.errored, stream.readableEnded, stream.writableFinished, stream.readableAborted)
    // Else its FileHandle would never close.
    if (stream.destroyed) return
    stream.destroy()
    await until('destroy', 1000, () => stream.closed)
  }
  const streamed = async (on: Any, name: string, given: readonly Any[], pieces: readonly Any[], cut: Any) => {
    const options = given.at(-1)
    const controller = new AbortController()
    if (cut?.does === 'abort') {
      cut.controller = controller
      options.signal = controller.signal
      if (cut.on === 'before') controller.abort()
    }
    let stream: Any
    try {
      stream = on[name](...given)
    } catch (error) {
      note(name, 'throws', error)
      return
    }
    await follow(name, stream, pieces, options?.autoClose, cut)
  }

  const onHandle = async (handle: Any): Promise<void> => {
    handle.on('close', () => note('handle closes', handle.fd === -1))
    const doing = async (does: string, given: readonly Any[]): Promise<void> => {
      if (does === 'lines') {
        await tried(does, async () => {
          const lines: string[] = []
          for await (const line of handle.readLines(given[0])) {
            lines.push(line)
            if (lines.length === given[1]) break
          }
          return lines
        })
      } else if (does === 'web') {
        // Node 20 never ends with a file that it may not read, and dies of closing after a cancelled stream.
        await tried(does, async () => {
          if (handle.fd !== -1) await handle.read(Buffer.alloc(1), 0, 1, 0)
          const pieces: unknown[] = []
          for await (const piece of handle.readableWebStream(given[0])) pieces.push(Buffer.from(piece))
          return Buffer.concat(pieces as Any)
        })
      } else if (does.startsWith('create')) await streamed(handle, does, [given[0]], given[1], given[2])
      else if (does === 'dispose') await tried(does, () => handle[Symbol.asyncDispose]())
      else await tried(does, () => handle[does](...given))
      note('open', handle.fd !== -1)
    }
    for (const [does, given, besideClose] of acts) {
      const done = doing(does, given)
      // What it tells may come before or after.
      if (besideClose) {
        const closing = handle.close()
        note('closing', handle.close() === closing, handle.fd === -1)
        await closing
      }
      await done
    }
    if (handle.fd !== -1) await tried('close', () => handle.close())
    note('closed', handle.fd)
  }

  const onDir = async (dir: Any): Promise<void> => {
    const seen: unknown[] = []
    const one = (entry: Any): unknown => {
      if (entry === null) return entry
      seen.push(`${entry.parentPath}/${entry.name} ${entry.isFile()} ${entry.isDirectory()} ${entry.isSymbolicLink()}`)
      return entry.constructor.name
    }
    const inWay = (does: string, way: unknown): Any => {
      if (way === 'sync') return dir[`${does}Sync`]()
      if (way === 'callback') return called((back) => note(does, dir[does](back)))
      return dir[does]()
    }
    for (const [does, [way, count]] of acts) {
      if (does === 'read') await tried('read', () => inWay('read', way)?.then?.(one) ?? 'none')
      else if (does === 'readSync') await tried('readSync', () => one(dir.readSync()))
      else if (does === 'close') await tried('close', () => inWay('close', way))
      else if (does === 'iterate') {
        await tried('iterate', async () => {
          let k = 0
          for await (const entry of dir) {
            one(entry)
            if (++k === count) break
          }
          return k
        })
      } else if (does === 'several') {
        const all: Promise<unknown>[] = []
        for (let k = 0; k < count; k++) all.push(Promise.resolve().then(() => inWay('read', way).then(one)))
        await tried('several', () => Promise.allSettled(all))
      } else if (does === 'beside') {
        await tried('beside', () => {
          const reading = inWay('read', 'promise').then(one)
          try {
            note('beside', dir[`${way}Sync`]()?.constructor.name)
          } catch (error) {
            note('beside', error)
          }
          return reading
        })
      } else if (does === 'readThenClose') {
        await tried(does, () => Promise.allSettled([dir.read().then(one), dir.close(), dir.close()]))
      } else await tried(does, () => dir[does === 'dispose' ? Symbol.dispose : Symbol.asyncDispose]?.())
    }
    // The order is its filesystem's own.
    let rest: unknown
    try {
      while (rest !== null) rest = one(dir.readSync())
      dir.closeSync()
      note('all', seen.sort())
    } catch (error) {
      note('left', error, seen.length)
      dir.close().catch(() => {})
    }
  }

  const changes = (): void => {
    for (const [does, given] of acts) {
      try {
        fs[`${does}Sync`](...given)
      } catch (error) {
        note(does, error)
      }
    }
  }
  const watched = async (dir: string, options: Any, way: string): Promise<void> => {
    const last = `${dir}/last`
    // The same twice in a row may come as one.
    const tell = (type: string, name: unknown): void => {
      const entry = `${type} ${name}`
      if (log.at(-1) !== entry) log.push(entry)
    }
    const isLast = (name: unknown): boolean =>
      String(name) === 'last' || String(name) === Buffer.from('last').toString('hex')
    let found = false
    if (way === 'promise') {
      const controller = new AbortController()
      await tried('watch', async () => {
        const events = fs.promises.watch(dir, { ...options, signal: controller.signal })
        let next = events.next()
        next.catch(() => {})
        for (let k = 0; k < 3; k++) await turn()
        changes()
        fs.writeFileSync(last, '')
        while (!found) {
          const { value, done } = await next
          if (done) return 'ends'
          if (isLast(value.filename)) found = true
          else tell(value.eventType, value.filename)
          if (!found) next = events.next()
        }
        controller.abort()
        return events.next()
      })
      return
    }
    let watcher: Any
    try {
      watcher = fs.watch(dir, options, (type: string, name: unknown) => {
        if (isLast(name)) found = true
        else if (!found) tell(type, name)
      })
    } catch (error) {
      note('watch', error)
      return
    }
    let closed = false
    watcher.on('error', (error: unknown) => note('error', error))
    watcher.on('close', () => {
      closed = true
    })
    changes()
    fs.writeFileSync(last, '')
    await until('event', 3000, () => found)
    note('before', closed)
    watcher.close()
    note('at once', closed)
    await until('close', 1000, () => closed)
    note('again', watcher.close(), watcher.ref() === watcher, watcher.unref() === watcher)
  }
  const polled = async (path: string, options: Any): Promise<void> => {
    let heard = 0
    const about = ({ size, mode, nlink, mtimeMs }: Any) => [
      String(size),
      String(mode),
      String(nlink),
      Number(mtimeMs) > 0,
    ]
    const there = fs.existsSync(path)
    const listener = (now: Any, before: Any): void => {
      heard++
      note(about(now), about(before))
    }
    const watcher = fs.watchFile(path, options, listener)
    note(watcher.constructor.name)
    if (there) await new Promise((resolve) => setTimeout(resolve, 60))
    else await until('first', 3000, () => heard === 1)
    const before = heard
    changes()
    const gone = fs.existsSync(path)
    if (there || gone) await until('change', 2000, () => heard > before)
    fs.unwatchFile(path, listener)
  }
  const signalled = async (way: string, method: string, when: string): Promise<void> => {
    const controller = new AbortController()
    const reason = when === 'reason' ? new Error('because') : undefined
    const given = [...args.slice(3)]
    given.push({ ...given.pop(), signal: controller.signal })
    if (when === 'before' || when === 'reason') controller.abort(reason)
    await tried(method, () => {
      const done =
        way === 'callback'
          ? called((back) => note(fs[method](...given, back)))
          : way === 'sync'
            ? fs[`${method}Sync`](...given)
            : fs.promises[method](...given)
      if (when === 'atOnce') controller.abort()
      if (when === 'tick') process.nextTick(() => controller.abort())
      return done
    })
  }

  if (kind === 'FileHandle' || kind === 'Dir') {
    let made: Any
    try {
      const [way, ...given] = args
      if (kind === 'FileHandle') made = await fs.promises.open(...args)
      else if (way === 'sync') made = fs.opendirSync(...given)
      else if (way === 'callback') made = await called((back) => fs.opendir(...given, back))
      else made = await fs.promises.opendir(...given)
    } catch (error) {
      note('open', error)
      return log
    }
    note(made.constructor.name, made.path)
    await (kind === 'Dir' ? onDir(made) : onHandle(made))
  } else if (kind === 'FSWatcher') await watched(args[0], args[1], args[2])
  else if (kind === 'StatWatcher') await polled(args[0], args[1])
  else if (kind === 'signal') await signalled(args[0], args[1], args[2])
  else if (kind.startsWith('create')) {
    const [by, path, options, pieces, cut] = args
    if (by === 'path') await streamed(fs, kind, [path, options], pieces, cut)
    else {
      const flags = options.flags ?? (kind === 'createReadStream' ? 'r' : 'w')
      let open: Any
      try {
        open = by === 'fd' ? fs.openSync(path, flags) : await fs.promises.open(path, flags)
      } catch (error) {
        note('open', error)
        return log
      }
      if (by === 'handle') open.on('close', () => note('handle closes', open.fd === -1))
      options.fd = open
      await streamed(fs, kind, [path, options], pieces, cut)
      if (by === 'handle') await tried('close', () => open.fd !== -1 && open.close())
      else await tried('close', () => fs.closeSync(open))
    }
  }
  return log
}
