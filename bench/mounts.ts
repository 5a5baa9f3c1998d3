/** What benchmarks of mounts share: a tree of files, and who is mounted over it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Mount, type MountOptions, mount } from 'plyfs/fuse'

const run = promisify(execFile)
export const sh = async (script: string): Promise<string> =>
  (await run('/bin/sh', ['-c', script], { cwd: '/', maxBuffer: 1 << 28 })).stdout
export const dropCaches = (): Promise<unknown> => sh('sync; echo 2 > /proc/sys/vm/drop_caches')

export interface Target {
  readonly name: string
  readonly at: string
  readonly mounted?: Mount
  close(): Promise<unknown>
}
export const FIVE = [
  { stackDepth: {} },
  { sandbox: { root: '/' } },
  { passthrough: {} },
  { xattrElision: {} },
  { metadataCache: { ttlMs: 600_000 } },
]

/** A directory of its own beneath `dir`, with backing directories and mountpoints in it. */
export class Place {
  readonly work: string
  readonly #targets: Target[] = []

  constructor(dir: string) {
    this.work = mkdtempSync(join(dir, 'plyfs-bench-fuse-'))
  }
  #pair(name: string): [string, string] {
    const pair: [string, string] = [join(this.work, `${name}.back`), join(this.work, `${name}.mnt`)]
    for (const dir of pair) mkdirSync(dir)
    return pair
  }
  #add(target: Target): Target {
    this.#targets.push(target)
    return target
  }

  /** tree.tar: a tree of `files` small C files, and a project of thirty to make. */
  async material(files: number): Promise<void> {
    const { work } = this
    for (let k = 0; k < files; k++) {
      const dir = join(work, 'tree', `d${k % 100}`, `s${k % 10}`)
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, `f${k}.c`), `int f${k}(int a) { return a + ${k}; }\n`.repeat(40))
    }
    const project = join(work, 'tree', 'project')
    mkdirSync(project)
    for (let k = 0; k < 30; k++) writeFileSync(join(project, `m${k}.c`), `int m${k}(int a) { return a; }\n`)
    writeFileSync(join(project, 'main.c'), 'int main(void) { return 0; }\n')
    const rules = 'O=$(patsubst %.c,%.o,$(wildcard *.c))\nprog: $(O)\n\tcc -o $@ $(O)\n%.o: %.c\n\tcc -O1 -c -o $@ $<\n'
    writeFileSync(join(project, 'Makefile'), rules)
    await sh(`tar -C ${work} -cf ${work}/tree.tar tree; rm -rf ${work}/tree`)
  }

  native(): Target {
    return this.#add({ name: 'native', at: this.#pair('native')[0], close: async () => {} })
  }
  /** @param prepare fills the backing directory, before anything is mounted over it */
  async plyfs(
    name: string,
    layers: readonly object[],
    options: MountOptions = {},
    prepare: (back: string) => unknown = () => {},
  ): Promise<Target> {
    const [back, at] = this.#pair(name)
    await prepare(back)
    const mounted = await mount({ lower: { rooted: back }, layers }, at, options)
    return this.#add({ name, at, mounted, close: () => mounted.unmount() })
  }
  async peers(): Promise<Target[]> {
    const { work } = this
    const found = [
      await this.#peer('bindfs', (back, at) => ['-f', back, at]),
      await this.#peer('fuse-overlayfs', (back, at) => {
        for (const dir of ['lower', 'work']) mkdirSync(join(work, dir))
        return ['-f', '-o', `lowerdir=${work}/lower,upperdir=${back},workdir=${work}/work`, at]
      }),
    ]
    return found.filter((each) => each !== undefined)
  }
  /** undefined where it is not installed. */
  async #peer(name: string, args: (back: string, at: string) => string[]): Promise<Target | undefined> {
    const [back, at] = this.#pair(name)
    const child: ChildProcess = spawn(name, args(back, at), { stdio: 'ignore', cwd: '/' })
    const gone = new Promise<boolean>((resolve) =>
      child.on('error', () => resolve(true)).on('exit', () => resolve(true)),
    )
    for (let k = 0; k < 100; k++) {
      const up = sh(`mountpoint -q ${at}`).then(
        () => true,
        () => false,
      )
      if (await up) return this.#add({ name, at, close: () => sh(`umount ${at}`) })
      const pause = new Promise<false>((resolve) => setTimeout(resolve, 50, false))
      if (await Promise.race([gone, pause])) return undefined
    }
    return undefined
  }

  async close(): Promise<void> {
    for (const target of this.#targets) await target.close()
    rmSync(this.work, { recursive: true, force: true })
  }
}
