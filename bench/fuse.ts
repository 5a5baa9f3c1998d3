/**
 * Mounts against the bare directory and against C: `npm run build`, then as root
 *   node --import ./scripts/ts-loader.mjs --import ./scripts/dist-loader.mjs bench/fuse.ts [--files N] [--rounds N] [--dir DIR] [--json FILE]
 * Interleaved rounds, medians, ratios. bindfs and fuse-overlayfs take part where they are installed. DIR: where the
 * backing directories are (default: the system's temporary files; /dev/shm to see the daemons' own cost).
 * fuse-requests.ts counts what comes up, fuse-io.ts measures reads, writes and stats.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from './measure.js'
import { dropCaches, FIVE, Place, sh, type Target } from './mounts.js'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})
const [files, rounds] = [Number(values.files), Number(values.rounds)]
const place = new Place(values.dir)

/** Caches are dropped for all targets at once: what is to be warm is done once before, for nobody to time. */
const WORKLOADS: readonly { readonly name: string; readonly script: string; readonly begins?: 'cold' | 'warm' }[] = [
  { name: 'untar', script: `tar -C $M -xf ${place.work}/tree.tar` },
  { name: 'ls -lR cold', script: 'ls -lR $M', begins: 'cold' },
  { name: 'ls -lR warm', script: 'ls -lR $M', begins: 'warm' },
  { name: 'grep -r cold', script: 'grep -r nowhere $M || true', begins: 'cold' },
  { name: 'grep -r warm', script: 'grep -r nowhere $M || true', begins: 'warm' },
  { name: 'git add', script: 'cd $M/tree && git init -q && git add -A' },
  { name: 'git status', script: 'cd $M/tree && git status --short' },
  { name: 'make -j2', script: 'make -s -j2 -C $M/tree/project' },
  { name: 'write 64 MiB', script: 'dd if=/dev/zero of=$M/big bs=128k count=512' },
  { name: 'read 64 MiB', script: 'dd if=$M/big of=/dev/null bs=128k' },
  { name: 'rm -rf', script: 'rm -rf $M/tree $M/big' },
]

try {
  await place.material(files)
  const targets: readonly Target[] = [
    place.native(),
    await place.plyfs('plyfs', FIVE),
    await place.plyfs('plyfs-bare', []),
    ...(await place.peers()),
  ]
  const times: { [workload: string]: { [target: string]: number[] } } = {}
  for (let round = 0; round < rounds; round++) {
    for (const { name, script, begins } of WORKLOADS) {
      times[name] ??= {}
      const of = times[name]
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        const perform = () => sh(`M='${target.at}'; (${script}) > /dev/null 2>&1`)
        if (begins === 'cold') await dropCaches()
        else if (begins === 'warm') await perform()
        const begun = performance.now()
        await perform()
        of[target.name] ??= []
        of[target.name]?.push(performance.now() - begun)
      }
    }
  }
  /** By workload and target: against another, round by round. */
  const against = (base: string): { [workload: string]: { [target: string]: number } } =>
    Object.fromEntries(
      Object.entries(times).map(([name, of]) => [
        name,
        Object.fromEntries(
          Object.entries(of).map(([target, ms]) => [
            target,
            median(ms.map((each, k) => each / (of[base]?.[k] ?? each))),
          ]),
        ),
      ]),
    )
  const toNative = against('native')
  console.log(['median, ms'.padEnd(16), ...targets.map(({ name }) => name.padStart(17))].join(''))
  for (const [name, of] of Object.entries(times)) {
    const cells = targets.map((target) => {
      const ms = median(of[target.name] ?? [])
      return `${ms.toFixed(0)} (${toNative[name]?.[target.name]?.toFixed(2)})`.padStart(17)
    })
    console.log([name.padEnd(16), ...cells].join(''))
  }
  console.log('in parentheses: against native, the median of the rounds')
  if (values.json !== undefined) {
    const ratios = { native: toNative, bindfs: against('bindfs'), 'fuse-overlayfs': against('fuse-overlayfs') }
    writeFileSync(values.json, `${JSON.stringify({ files, rounds, ratios, times }, null, 2)}\n`)
  }
} finally {
  await place.close()
}
