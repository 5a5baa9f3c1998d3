/** One of the filesystems that are compared: does steps, and says what came of them. */

import type nodeFs from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Act, live } from './live.js'
import { plain } from './plain.js'
import { SETTING } from './steps.js'
import { type ActTerm, type Move, madeOf, type Step, type Term } from './terms.js'

// biome-ignore lint/suspicious/noExplicitAny: any function of node:fs, with any arguments
type Fn = (...args: any[]) => any
type Bag = Record<string, Fn | undefined>
type Handle = Bag & { readonly fd: number }
type Place = number | Handle | undefined

/** A descriptor that is nobody's: where a step needs an open file and there is none. */
const NOBODY = 100_000
/** How a FileHandle calls what node:fs calls otherwise. */
const onHandle: Readonly<Record<string, string>> = {
  fstat: 'stat',
  ftruncate: 'truncate',
  fchmod: 'chmod',
  fchown: 'chown',
  futimes: 'utimes',
  fsync: 'sync',
  fdatasync: 'datasync',
}

export class Side {
  readonly #fs: Bag & { readonly promises: Bag }
  readonly #places: Place[] = []

  constructor(
    fs: typeof nodeFs,
    readonly root: string,
  ) {
    this.#fs = fs as never
    for (const dir of [root, dirname(root)]) fs.chmodSync(dir, 0o755)
    for (const dir of SETTING) fs.mkdirSync(`${root}/${dir}`, { recursive: true })
  }

  async play(move: Move): Promise<unknown> {
    if ('together' in move) return Promise.all(move.together.map((step) => this.#outcome(step)))
    return this.#outcome(move)
  }

  async #outcome(step: Step): Promise<unknown> {
    try {
      const value = await this.#perform(step)
      return plain(step.slot === 'opens' ? 'opened' : value, this.root)
    } catch (error) {
      return plain(error, this.root)
    }
  }

  #place(k: number): Place {
    const open = this.#places.filter((place) => place !== undefined)
    return open.length === 0 ? undefined : open[k % open.length]
  }

  #perform(step: Step): unknown {
    const { method, convention, slot } = step
    if (step.acts !== undefined) return this.#live(step, step.acts)
    if (method.startsWith('create')) return this.#stream(step)
    let handle: Handle | undefined
    const place = (k: number): unknown => {
      const found = this.#place(k)
      if (slot === 'closes') this.#places[this.#places.indexOf(found)] = undefined
      if (typeof found !== 'object') return found ?? NOBODY
      handle = found
      // A handle that is closed by its number would be closed again when it is collected.
      return convention === 'promise' || slot === 'closes' ? found : found.fd
    }
    const args = step.args.map((term) => madeOf(term, this.root, place))
    if (slot === 'opens') return this.#open(step, args)
    if (slot !== undefined && (convention === 'promise' || slot === 'closes')) {
      if (handle !== undefined) return handle[onHandle[method] ?? method]?.(...args.slice(1))
      if (convention === 'promise') return this.#call({ ...step, convention: 'sync' }, args)
    }
    return this.#call(step, args)
  }

  #live({ method, args }: Step, acts: readonly ActTerm[]): Promise<unknown> {
    const made = (terms: readonly Term[]): unknown[] => terms.map((term) => madeOf(term, this.root, () => NOBODY))
    const all = acts.map(({ does, args: given, besideClose }): Act => [does, made(given), besideClose])
    return live(this.#fs, method, made(args), all)
  }

  async #open(step: Step, args: unknown[]): Promise<void> {
    this.#places.push((await this.#call(step, args)) as Place)
  }

  async #call({ method, convention }: Step, args: unknown[]): Promise<unknown> {
    const fs = this.#fs
    const [name = '', native] = method.split('.')
    if (convention === 'promise') return this.#listed(await fs.promises[name]?.(...args))
    if (convention === 'sync') {
      const fn = fs[`${name}Sync`] as (Fn & Bag) | undefined
      const value = native === undefined ? fn?.(...args) : fn?.[native]?.(...args)
      return this.#listed(value)
    }
    const fn = fs[name] as (Fn & Bag) | undefined
    return new Promise((resolve, reject) => {
      const back = (first: unknown, ...rest: unknown[]): void => {
        if (name === 'exists') resolve(first)
        else if (first !== null && first !== undefined) reject(first as Error)
        else resolve(rest.length > 1 ? rest : this.#listed(rest[0]))
      }
      try {
        if (native === undefined) fn?.(...args, back)
        else fn?.[native]?.(...args, back)
      } catch (error) {
        // Thrown at once, and not called back: another outcome.
        resolve({ thrown: plain(error, this.root) })
      }
    })
  }

  /** A Dir is read to its end; the order is its filesystem's own. */
  async #listed(value: unknown): Promise<unknown> {
    if (value === null || typeof value !== 'object' || !('readSync' in value)) return value
    const entries: string[] = []
    for await (const { name } of value as nodeFs.Dir) entries.push(name)
    return entries.sort()
  }

  #stream({ method, args }: Step): Promise<unknown> {
    const [path, options, data] = args.map((term) => madeOf(term, this.root, () => NOBODY))
    const stream = this.#fs[method]?.(path, options)
    const pieces: Buffer[] = []
    return new Promise((resolve, reject) => {
      stream.on('error', reject)
      stream.on('close', () => resolve([Buffer.concat(pieces), stream.bytesRead ?? stream.bytesWritten]))
      if (method === 'createReadStream') stream.on('data', (piece: Buffer) => pieces.push(Buffer.from(piece)))
      else stream.end(data)
    })
  }

  /** Everything beneath the root: types, modes, links, contents. */
  tree(): unknown {
    const fs = this.#fs as unknown as typeof nodeFs
    const out: unknown[] = []
    // Who is not root may be refused.
    const told = (run: () => void): void => {
      try {
        run()
      } catch (error) {
        out.push((error as NodeJS.ErrnoException).code)
      }
    }
    const visit = (path: string): void => {
      for (const name of fs.readdirSync(path).sort()) told(() => enter(`${path}/${name}`))
    }
    const enter = (here: string): void => {
      const stats = fs.lstatSync(here)
      const row: unknown[] = [here.slice(this.root.length), stats.mode.toString(8), stats.uid, stats.gid]
      out.push(row)
      if (stats.isFile()) row.push(stats.nlink, fs.readFileSync(here, 'latin1'))
      else if (stats.isSymbolicLink()) row.push(plain(fs.readlinkSync(here), this.root))
      else if (stats.isDirectory()) visit(here)
    }
    told(() => visit(this.root))
    return out
  }

  /** Every directory may be emptied again. */
  #unlock(dir: string): void {
    const fs = this.#fs as unknown as typeof nodeFs
    fs.chmodSync(dir, 0o700)
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      if (entry.isDirectory()) this.#unlock(`${dir}/${entry.name}`)
    }
  }

  async end(): Promise<void> {
    for (const place of this.#places) {
      if (typeof place === 'number') this.#fs.closeSync?.(place)
      else await place?.close?.()
    }
    if (process.getuid?.() !== 0) this.#unlock(dirname(this.root))
    this.#fs.rmSync?.(dirname(this.root), { recursive: true, force: true })
  }
}

/** The first difference between two sides, or undefined. */
export interface Difference {
  readonly at: number
  readonly found: unknown
  readonly expected: unknown
}
export const compare = async (moves: readonly Move[], expected: Side, found: Side): Promise<Difference | undefined> => {
  for (const [at, move] of moves.entries()) {
    const right = await expected.play(move)
    const got = await found.play(move)
    if (!isDeepStrictEqual(got, right)) return { at, found: got, expected: right }
    const rightTree = expected.tree()
    const gotTree = found.tree()
    if (!isDeepStrictEqual(gotTree, rightTree)) return { at, found: { tree: gotTree }, expected: { tree: rightTree } }
  }
  return undefined
}
