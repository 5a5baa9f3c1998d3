// Code of the same realm replaces built-in functions after a stack was built: what they are told leads nowhere, and what
// they answer turns no refusal into permission.
import { EventEmitter } from 'node:events'
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { metadataCache, sandbox } from '../../layers/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, rooted } from '../../lib/lower/index.js'
import { canonicalOnly } from '../../lib/lower/safe-path/index.js'
import { Failed } from '../../lib/verdict.js'

const SECRET = 'canary-primordial'
const { apply, construct, ownKeys } = Reflect
const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, hasOwn } = Object

interface Scene {
  readonly fs: PlyFs
  /** The root as the guarded program names it. */
  readonly root: string
  readonly secret: string
}
const kinds = {
  root: (root: string) => ({ fs: stack(host(), [sandbox({ root })]), root }),
  'over a cache': (root: string) => ({ fs: stack(host(), [sandbox({ root }), metadataCache()]), root }),
  'links refused': (root: string) => ({ fs: stack(host(), [sandbox({ root, symlinks: 'deny' })]), root }),
  rooted: (root: string) => ({ fs: rooted(root), root: '' }),
}
const scene = (t: ExecutionContext, kind: keyof typeof kinds): Scene => {
  const base = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-primordials-')))
  t.teardown(() => nodeFs.rmSync(base, { recursive: true, force: true }))
  nodeFs.mkdirSync(`${base}/root/dir/sub`, { recursive: true })
  nodeFs.writeFileSync(`${base}/root/file`, 'inside')
  nodeFs.writeFileSync(`${base}/root/é`, 'accented')
  nodeFs.writeFileSync(`${base}/root/dir/inner`, 'inner')
  nodeFs.symlinkSync('file', `${base}/root/link`)
  nodeFs.writeFileSync(`${base}/secret`, SECRET)
  return { ...kinds[kind](`${base}/root`), secret: `${base}/secret` }
}

type Bag = Record<PropertyKey, unknown>
type AnyFn = (this: unknown, ...args: unknown[]) => unknown
const Generator = getPrototypeOf(getPrototypeOf((function* () {})())) as Bag
const ArrayIterator = getPrototypeOf([][Symbol.iterator]()) as Bag

/** Puts other values in the place of some properties; gives what puts them back. */
const swap = (on: object, values: Bag): (() => void) => {
  const before = ownKeys(values).map((key) => [key, getOwnPropertyDescriptor(on, key)] as const)
  for (const key of ownKeys(values)) {
    defineProperty(on, key, { value: values[key], writable: true, configurable: true, enumerable: false })
  }
  return () => {
    for (const [key, descriptor] of before) {
      if (descriptor === undefined) delete (on as Bag)[key]
      else defineProperty(on, key, descriptor)
    }
  }
}
const answering = (on: object, names: readonly string[], answer: (out: unknown, name: string) => unknown) =>
  swap(
    on,
    Object.fromEntries(
      names.map((name) => {
        const original = (on as Bag)[name] as AnyFn
        return [
          name,
          function (this: unknown, ...args: unknown[]) {
            return answer(apply(original, this, args), name)
          },
        ]
      }),
    ),
  )

/** Each gives what takes it back. */
const attacks: Readonly<Record<string, (secret: string, foreign: number) => () => void>> = {
  'a generator yields another request': (secret) => {
    const { next } = Generator as { next: AnyFn }
    return swap(Generator, {
      next(this: unknown, ...args: unknown[]) {
        const out = apply(next, this, args) as { value?: { request?: { path?: string; dentry?: unknown } } }
        const { request } = out.value ?? {}
        if (request?.path !== undefined) Object.assign(request, { path: secret, dentry: undefined })
        return out
      },
    })
  },
  'a Map knows a foreign descriptor': (secret, foreign) => {
    const { get } = Map.prototype
    const file = { fd: foreign, path: secret, flags: 2, closed: false, passed: true, direct: true }
    return swap(Map.prototype, {
      get(this: Map<unknown, unknown>, key: unknown) {
        return key === foreign ? file : apply(get, this, [key])
      },
    })
  },
  'text is encoded as another': (secret) => {
    const { from } = Buffer
    const undo = [
      swap(String.prototype, { isWellFormed: () => false, slice: () => secret }),
      swap(Buffer.prototype, { write: () => 0, utf8Write: () => 0, toString: () => secret, utf8Slice: () => secret }),
      swap(Buffer, {
        from: (value: never, ...rest: never[]) => from(typeof value === 'string' ? secret : value, ...rest),
      }),
    ]
    return () => {
      for (const each of undo.reverse()) each()
    }
  },
  'strings say what is wanted': (secret) =>
    answering(
      String.prototype,
      [
        'charCodeAt',
        'indexOf',
        'lastIndexOf',
        'startsWith',
        'endsWith',
        'includes',
        'split',
        'replace',
        'toWellFormed',
      ],
      (out, name) =>
        typeof out === 'boolean' ? true : typeof out === 'number' ? (name === 'charCodeAt' ? 47 : 0) : secret,
    ),
  'expressions match': () => swap(RegExp.prototype, { exec: () => [''], test: () => true }),
  'expressions match nothing': () => swap(RegExp.prototype, { exec: () => null, test: () => false }),
  'lists are joined with code in them': () => {
    const { join: joined } = Array.prototype
    return swap(Array.prototype, {
      some: () => false,
      join(this: unknown[], by: string) {
        return `globalThis.taken = typeof x === 'undefined' ? undefined : x;\n${apply(joined, this, [by])}`
      },
    })
  },
  'iteration gives other paths': (secret) =>
    answering(ArrayIterator, ['next'], (out) => {
      const step = out as { value: unknown }
      return typeof step.value === 'string' && step.value[0] === '/' ? { ...step, value: secret } : step
    }),
  'the first of a list is another': (secret) => {
    defineProperty(Array.prototype, '0', {
      configurable: true,
      get: () => secret,
      set(this: object, value: unknown) {
        defineProperty(this, '0', {
          value: typeof value === 'string' ? secret : value,
          writable: true,
          configurable: true,
          enumerable: true,
        })
      },
    })
    return () => {
      delete (Array.prototype as unknown as Bag)['0']
    }
  },
  'every object has a descriptor and a path': (secret, foreign) =>
    swap(Object.prototype, {
      fd: foreign,
      fdOut: foreign,
      file: { fd: foreign, flags: 2, closed: false },
      fileOut: { flags: 2 },
      dentry: { path: secret, exists: true, isLink: false },
    }),
  'questions about objects are answered': () => {
    const undo = [
      swap(Object, { hasOwn: () => true }),
      swap(Array, { isArray: () => true }),
      swap(Number, { isInteger: () => true }),
    ]
    return () => {
      for (const each of undo) each()
    }
  },
}

const outcomes = async ({ fs, root, secret }: Scene, foreign: number): Promise<unknown[]> => {
  const calls: (() => unknown)[] = [
    () => fs.readFileSync(`${root}/file`, 'utf8'),
    () => fs.readFileSync(`${root}/é`, 'utf8'),
    () => fs.readFileSync(`${root}/link`, 'utf8'),
    () => fs.readFileSync(secret, 'utf8'),
    () => fs.readFileSync(`${root}/../secret`, 'utf8'),
    () => fs.lstatSync(secret).size,
    () => fs.promises.readFile(`${root}/é`, 'utf8'),
    () => fs.promises.readFile(`${root}/link`, 'utf8'),
    () => fs.promises.readFile(secret, 'utf8'),
    () => new Promise((resolve) => fs.readFile(`${root}/link`, 'utf8', (error, text) => resolve(error ?? text))),
    () => fs.readSync(foreign, Buffer.alloc(8), 0, 8, 0),
    () => fs.writeSync(foreign, SECRET),
    () => fs.fstatSync(foreign).size,
  ]
  const out: unknown[] = []
  for (const call of calls) {
    try {
      defineProperty(out, out.length, { value: await call(), enumerable: true, writable: true, configurable: true })
    } catch (error) {
      defineProperty(out, out.length, { value: error, enumerable: true, writable: true, configurable: true })
    }
  }
  return out
}

for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  for (const [what, attack] of Object.entries(attacks)) {
    for (const when of ['at once', 'when everything ran before']) {
      test.serial(`${what}, ${when}: ${kind}`, async (t) => {
        const at = scene(t, kind)
        const foreign = nodeFs.openSync(at.secret, 'r+')
        const { size } = nodeFs.statSync(at.secret)
        if (when !== 'at once') await outcomes(at, foreign)
        const undo = attack(at.secret, foreign)
        let out: unknown[]
        try {
          out = await outcomes(at, foreign)
        } finally {
          undo()
        }
        nodeFs.closeSync(foreign)
        for (const each of out) {
          t.false(String((each as Error)?.stack ?? each).includes(SECRET))
          t.false(each === 8 || each === size || each === SECRET.length, String(each))
        }
        t.is(nodeFs.readFileSync(at.secret, 'utf8'), SECRET)
        t.is((globalThis as { taken?: unknown }).taken, undefined)
        t.is(at.fs.readFileSync(`${at.root}/file`, 'utf8'), 'inside')
        t.is(at.fs.readFileSync(`${at.root}/é`, 'utf8'), 'accented')
      })
    }
  }
}

const builtIns: Readonly<Record<string, object>> = {
  Object,
  'Object.prototype': Object.prototype,
  'Function.prototype': Function.prototype,
  Array,
  'Array.prototype': Array.prototype,
  'Map.prototype': Map.prototype,
  'Set.prototype': Set.prototype,
  'WeakMap.prototype': WeakMap.prototype,
  'WeakSet.prototype': WeakSet.prototype,
  'String.prototype': String.prototype,
  'RegExp.prototype': RegExp.prototype,
  'Promise.prototype': Promise.prototype,
  Promise,
  generators: Generator,
  iterators: getPrototypeOf(Generator) as object,
  'array iterators': ArrayIterator,
  'map iterators': getPrototypeOf(new Map()[Symbol.iterator]()) as object,
  Buffer,
  'Buffer.prototype': Buffer.prototype,
  'typed arrays': getPrototypeOf(Uint8Array.prototype) as object,
  'FinalizationRegistry.prototype': FinalizationRegistry.prototype,
  Reflect,
  Number,
  'Error.prototype': Error.prototype,
  Error,
  'EventEmitter.prototype': EventEmitter.prototype,
  'Readable.prototype': Readable.prototype,
  'Writable.prototype': Writable.prototype,
  'Stats.prototype': nodeFs.Stats.prototype,
  'Dirent.prototype': nodeFs.Dirent.prototype,
}

/** What every function of these is called on and with, and what it gives, while `run` runs. */
const overheard = async (run: () => Promise<void>): Promise<Map<string, unknown[]>> => {
  const heard: { where: string; value: unknown }[] = []
  let on = false
  const note = (where: string, value: unknown): void => {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return
    defineProperty(heard, heard.length, { value: { where, value }, writable: true, configurable: true })
  }
  const undo: (() => void)[] = []
  for (const [name, builtIn] of Object.entries(builtIns)) {
    for (const key of ownKeys(builtIn)) {
      const descriptor = getOwnPropertyDescriptor(builtIn, key) as PropertyDescriptor
      const { value: original } = descriptor
      if (key === 'constructor' || typeof original !== 'function' || !descriptor.configurable) continue
      const where = `${name}.${String(key)}`
      const spy = function (this: unknown, ...args: unknown[]): unknown {
        const made = new.target
        if (on) {
          on = false
          note(where, this)
          for (let k = 0; k < args.length; k++) note(where, args[k])
          on = true
        }
        const out = made === undefined ? apply(original, this, args) : construct(original, args)
        if (on) {
          on = false
          note(where, out)
          on = true
        }
        return out
      }
      defineProperty(builtIn, key, { ...descriptor, value: spy })
      undo[undo.length] = () => defineProperty(builtIn, key, descriptor)
    }
  }
  try {
    on = true
    await run()
  } finally {
    on = false
    for (let k = 0; k < undo.length; k++) (undo[k] as () => void)()
  }
  const all = new Map<string, unknown[]>()
  for (const { where, value } of heard) all.set(where, [...(all.get(where) ?? []), value])
  return all
}

/** What can be reached from `from` is node:fs's own, or what plyfs keeps its plans in. */
const leadsOut = (from: readonly unknown[], raw: ReadonlySet<unknown>): boolean => {
  const shared = new Set<unknown>([globalThis, process, nodeFs, nodeFs.promises, Object.prototype])
  const seen = new Set<unknown>()
  const todo = [...from]
  while (todo.length > 0) {
    const value = todo.pop()
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') continue
    if (raw.has(value) || (hasOwn(value, 'plans') && hasOwn(value, 'lower'))) return true
    if (shared.has(value) || seen.has(value)) continue
    seen.add(value)
    if (value instanceof Map) for (const [key, held] of value) todo.push(key, held)
    if (value instanceof Set) todo.push(...value)
    for (const key of ownKeys(value)) {
      const descriptor = getOwnPropertyDescriptor(value, key)
      if (descriptor !== undefined) todo.push(descriptor.value, descriptor.get)
    }
    todo.push(getPrototypeOf(value))
  }
  return false
}

const used = async ({ fs, root, secret }: Scene): Promise<void> => {
  const file = `${root}/file`
  const dir = `${root}/dir`
  const calls: (() => unknown)[] = [
    () => fs.statSync(file),
    () => fs.readFileSync(secret),
    () => fs.readdirSync(dir, { withFileTypes: true, recursive: true }),
    () => fs.writeFileSync(`${root}/new`, 'x'),
    () => fs.renameSync(`${root}/new`, `${root}/moved`),
    () => fs.unlinkSync(`${root}/moved`),
    () => fs.cpSync(dir, `${root}/copy`, { recursive: true }),
    () => fs.rmSync(`${root}/copy`, { recursive: true }),
    () => fs.readlinkSync(`${root}/link`),
    () => fs.realpathSync(`${root}/link`),
    () => fs.chmodSync(file, 0o644),
    () => fs.utimesSync(file, 1, 1),
    () => fs.closeSync(fs.openSync(file, 'r+')),
    () => fs.promises.readFile(file),
    () => fs.promises.cp(dir, `${root}/copy`, { recursive: true }),
    () => fs.promises.rm(`${root}/copy`, { recursive: true }),
    () => new Promise((resolve) => fs.readFile(file, resolve)),
    async () => {
      const handle = await fs.promises.open(file, 'r+')
      await handle.readFile()
      await handle.stat()
      await handle.close()
    },
    async () => {
      for await (const _ of fs.createReadStream(file));
    },
    () => new Promise((resolve) => fs.createWriteStream(`${root}/written`).end('x', () => resolve(undefined))),
    async () => {
      for await (const _ of await fs.promises.opendir(dir, { recursive: true }));
    },
    () => {
      const watcher = fs.watch(dir, { persistent: false })
      watcher.close()
    },
    () => {
      fs.watchFile(file, { persistent: false }, () => undefined)
      fs.unwatchFile(file)
    },
    async () => (await fs.openAsBlob(file)).text(),
  ]
  for (const call of calls) {
    try {
      await call()
    } catch {
      // What is refused says so.
    }
  }
}

const rawFunctions = (): Set<unknown> => {
  const raw = new Set<unknown>()
  for (const from of [nodeFs, nodeFs.promises]) {
    for (const [name, value] of Object.entries(from)) {
      if (typeof value === 'function' && !/^(_toUnix|Stats$|Dirent$|Dir$)/.test(name)) raw.add(value)
    }
  }
  return raw
}

for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  test.serial(`built-in functions are told of nothing that leads out: ${kind}`, async (t) => {
    const at = scene(t, kind)
    const heard = await overheard(() => used(at))
    t.true(heard.size > 20)
    const raw = rawFunctions()
    t.deepEqual(
      [...heard].filter(([, values]) => leadsOut(values, raw)).map(([where]) => where),
      [],
    )
  })

  test.serial(`a stream under construction leads nowhere: ${kind}`, (t) => {
    const { fs, root } = scene(t, kind)
    const raw = rawFunctions()
    for (const name of ['ReadStream', 'WriteStream'] as const) {
      const Stream = fs[name] as unknown as AnyFn & { prototype: object }
      const seen: unknown[] = []
      const look = (stream: object): void => {
        for (let at: object | null = stream; at !== null; at = getPrototypeOf(at)) seen.push(at)
      }
      const subject: object = Object.create(Stream.prototype, {
        fd: { set: () => look(subject), get: () => null },
        path: { set: () => look(subject), get: () => `${root}/file` },
      })
      const operation = (): AnyFn => {
        look(subject)
        return () => undefined
      }
      const foreign = {}
      for (const key of ['open', 'close', 'read', 'write', 'writev', 'fsync']) {
        defineProperty(foreign, key, { get: operation })
      }
      const signal = {
        aborted: false,
        addEventListener: () => look(subject),
        removeEventListener: () => look(subject),
      }
      try {
        apply(Stream, subject, [`${root}/file`, { fs: foreign, signal }])
      } catch {
        // Not every object can be a stream.
      }
      const traps = new Proxy(Object.create(Stream.prototype) as object, {
        setPrototypeOf: (target, prototype) => {
          seen.push(prototype)
          return Reflect.setPrototypeOf(target, prototype)
        },
      })
      try {
        apply(Stream, traps, [`${root}/file`, { fs: foreign }])
      } catch {
        // The same.
      }
      t.true(seen.length > 0)
      t.false(leadsOut(seen, raw), name)
    }
  })
}

const walks = canonicalOnly(false) instanceof Failed ? test.serial.skip : test.serial
walks('built-in functions are told of no directory that is kept held without koffi', async (t) => {
  const { root } = scene(t, 'root')
  for (let k = 0; k < 200; k++) {
    nodeFs.mkdirSync(`${root}/${k}`)
    nodeFs.writeFileSync(`${root}/${k}/file`, '')
  }
  let found = 0
  // As it is when a program's first request has it made.
  const heard = await overheard(async () => {
    const all = canonicalOnly(false)
    if (all instanceof Failed) return
    for (let k = 0; k < 200; k++) {
      const path = `${root}/${k}/file`
      const dentry = { path, exists: true, isLink: false }
      const out = all.ops.getattr.sync({ path, follow: false, precise: false, dentry, fd: undefined })
      if (!(out instanceof Failed)) found++
    }
  })
  t.is(found, 200)
  const isHeld = (value: unknown): boolean => typeof value === 'object' && value !== null && hasOwn(value, 'users')
  const held = (value: unknown): boolean =>
    isHeld(value) ||
    (Array.isArray(value) && value.some(isHeld)) ||
    (value instanceof Map && [...value.values()].some(isHeld))
  t.deepEqual(
    [...heard].filter(([, values]) => values.some(held)).map(([where]) => where),
    [],
  )
})

type Utf8 = { Utf8Stream?: new (options: object) => object }
const utf8 = 'Utf8Stream' in nodeFs ? test.serial : test.serial.skip
for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  utf8(`a Utf8Stream under construction leads nowhere (Node 24): ${kind}`, (t) => {
    const { fs, root } = scene(t, kind)
    const { Utf8Stream } = fs as unknown as Required<Utf8>
    const raw = rawFunctions()
    const seen: unknown[] = []
    const look = (stream: object): void => {
      for (let at: object | null = stream; at !== null; at = getPrototypeOf(at)) seen.push(at)
    }
    const spied = (on: object, name: string): (() => void) => {
      const original = (on as Bag)[name] as AnyFn
      return swap(on, {
        [name](this: object, ...args: unknown[]) {
          look(this)
          for (const each of args) if (typeof each === 'object' && each !== null) look(each)
          return apply(original, this, args)
        },
      })
    }
    const undo = [
      ...['on', 'once', 'emit', 'addListener'].map((name) => spied(EventEmitter.prototype, name)),
      spied(EventEmitter, 'init'),
      spied(Reflect, 'construct'),
      spied(Object, 'setPrototypeOf'),
    ]
    try {
      new Utf8Stream({ dest: `${root}/utf8`, sync: true })
    } finally {
      for (const each of undo) each()
    }
    t.true(seen.length > 0)
    t.false(leadsOut(seen, raw))
    t.is(getPrototypeOf(new Utf8Stream({ dest: `${root}/utf8`, sync: true })), Utf8Stream.prototype)
  })
}
