/**
 * Mounts against the bare directory and against C: `npm run build`, then as root
 *   node --import ./scripts/ts-loader.mjs --import ./scripts/dist-loader.mjs bench/fuse.ts [--files N] [--rounds N] [--dir DIR] [--json FILE]
 * Interleaved rounds, medians, ratios. bindfs and fuse-overlayfs take part where they are installed. DIR: where the
 * backing directories are (default: the system's temporary files; /dev/shm to see the daemons' own cost).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { mount } from 'plyfs/fuse'
import { median } from './measure.js'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})
const [files, rounds] = [Number(values.files), Number(values.rounds)]
const run = promisify(execFile)
const sh = (script: string) => run('/bin/sh', ['-c', script], { cwd: '/', maxBuffer: 1 << 28 })
const work = mkdtempSync(join(values.dir, 'plyfs-bench-fuse-'))

/** A tree of small C files, and a project to make. */
const material = async (): Promise<void> => {
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

interface Target {
  readonly name: string
  readonly at: string
  close(): Promise<unknown>
}
const FIVE = [
  { stackDepth: {} },
  { sandbox: { root: '/' } },
  { passthrough: {} },
  { xattrElision: {} },
  { metadataCache: { ttlMs: 600_000 } },
]
const plyfs = async (name: string, layers: readonly object[]): Promise<Target> => {
  const [back, at] = places(name)
  const mounted = await mount({ lower: { rooted: back }, layers }, at)
  return { name, at, close: () => mounted.unmount() }
}
const places = (name: string): [string, string] => {
  const pair: [string, string] = [join(work, `${name}.back`), join(work, `${name}.mnt`)]
  for (const dir of pair) mkdirSync(dir)
  return pair
}
/** undefined where it is not installed. */
const peer = async (name: string, args: (back: string, at: string) => string[]): Promise<Target | undefined> => {
  const [back, at] = places(name)
  const child: ChildProcess = spawn(name, args(back, at), { stdio: 'ignore', cwd: '/' })
  const gone = new Promise<boolean>((resolve) => child.on('error', () => resolve(true)).on('exit', () => resolve(true)))
  for (let k = 0; k < 100; k++) {
    const up = sh(`mountpoint -q ${at}`).then(
      () => true,
      () => false,
    )
    if (await up) return { name, at, close: () => sh(`umount ${at}`) }
    const pause = new Promise<false>((resolve) => setTimeout(resolve, 50, false))
    if (await Promise.race([gone, pause])) return undefined
  }
  return undefined
}

const drop = (): Promise<unknown> => sh('sync; echo 2 > /proc/sys/vm/drop_caches')
const WORKLOADS: readonly { readonly name: string; readonly script: string; readonly cold?: true }[] = [
  { name: 'untar', script: `tar -C $M -xf ${work}/tree.tar` },
  { name: 'ls -lR cold', script: 'ls -lR $M', cold: true },
  { name: 'ls -lR warm', script: 'ls -lR $M' },
  { name: 'grep -r cold', script: 'grep -r nowhere $M || true', cold: true },
  { name: 'grep -r warm', script: 'grep -r nowhere $M || true' },
  { name: 'git add', script: 'cd $M/tree; git init -q; git add -A' },
  { name: 'git status', script: 'cd $M/tree; git status --short' },
  { name: 'make -j2', script: 'make -s -j2 -C $M/tree/project' },
  { name: 'write 64 MiB', script: 'dd if=/dev/zero of=$M/big bs=128k count=512' },
  { name: 'read 64 MiB', script: 'dd if=$M/big of=/dev/null bs=128k' },
  { name: 'rm -rf', script: 'rm -rf $M/tree $M/big' },
]

const targets: Target[] = []
try {
  await material()
  const [native] = places('native')
  targets.push({ name: 'native', at: native, close: async () => {} })
  targets.push(await plyfs('plyfs', FIVE), await plyfs('plyfs-bare', []))
  const peers = [
    await peer('bindfs', (back, at) => ['-f', back, at]),
    await peer('fuse-overlayfs', (back, at) => {
      for (const dir of ['lower', 'work']) mkdirSync(join(work, dir))
      return ['-f', '-o', `lowerdir=${work}/lower,upperdir=${back},workdir=${work}/work`, at]
    }),
  ]
  for (const each of peers) if (each !== undefined) targets.push(each)

  const times: { [workload: string]: { [target: string]: number[] } } = {}
  for (let round = 0; round < rounds; round++) {
    for (const { name, script, cold } of WORKLOADS) {
      times[name] ??= {}
      const of = times[name]
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        if (cold) await drop()
        const begun = performance.now()
        await sh(`M='${target.at}'; (${script}) > /dev/null 2>&1`)
        of[target.name] ??= []
        of[target.name]?.push(performance.now() - begun)
      }
    }
  }
  console.log(['median, ms'.padEnd(16), ...targets.map(({ name }) => name.padStart(17))].join(''))
  for (const [name, of] of Object.entries(times)) {
    const base = median(of.native ?? [])
    const cells = targets.map((target) => {
      const ms = median(of[target.name] ?? [])
      return `${ms.toFixed(0)} (${(ms / base).toFixed(2)})`.padStart(17)
    })
    console.log([name.padEnd(16), ...cells].join(''))
  }
  console.log('in parentheses: against native')
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ files, rounds, times }, null, 2)}\n`)
} finally {
  for (const target of targets) await target.close()
  rmSync(work, { recursive: true, force: true })
}
