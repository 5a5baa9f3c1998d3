/**
 * Reads and writes (by fio), stats, and a make through a mount against the bare directory: as root, after `npm run build`,
 *   node --import ./scripts/ts-loader.mjs --import ./scripts/dist-loader.mjs bench/fuse-io.ts [--rounds N] [--dir DIR] [--json FILE]
 * Interleaved rounds; speed against native, so that 1 is as fast.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from './measure.js'
import { FIVE, Place, sh } from './mounts.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})
const place = new Place(values.dir)

/** Bytes a second. */
const fio = async (at: string, rw: string, bs: string): Promise<number> => {
  const job = `--name=job --filename=${at}/fio --rw=${rw} --bs=${bs} --size=64m --runtime=2 --time_based --ioengine=psync --invalidate=0`
  const { jobs } = JSON.parse(await sh(`fio --output-format=json ${job}`)) as {
    jobs: { read: { bw_bytes: number }; write: { bw_bytes: number } }[]
  }
  return (jobs[0]?.read.bw_bytes ?? 0) + (jobs[0]?.write.bw_bytes ?? 0)
}
/** Runs a second. */
const timed = async (script: string): Promise<number> => {
  const begun = performance.now()
  await sh(script)
  return 1000 / (performance.now() - begun)
}
const STATS = 'const fs=require("fs");for(let k=0;k<200000;k++)fs.statSync("f"+k%1000)'
const WORKLOADS: { readonly [name: string]: (at: string) => Promise<number> } = {
  'write 128 KiB, one after the other': (at) => fio(at, 'write', '128k'),
  'read 128 KiB, one after the other': (at) => fio(at, 'read', '128k'),
  'write 4 KiB at random': (at) => fio(at, 'randwrite', '4k'),
  'read 4 KiB at random': (at) => fio(at, 'randread', '4k'),
  '200,000 stats': (at) => timed(`cd ${at}/stats; ${process.execPath} -e '${STATS}'`),
  make: async (at) => {
    await sh(`make -s -C ${at}/tree/project clean`)
    return timed(`make -s -C ${at}/tree/project`)
  },
}

try {
  await place.material(100)
  const [native, plyfs] = [place.native(), await place.plyfs('plyfs', FIVE)]
  for (const { at } of [native, plyfs]) {
    await sh(
      `tar -C ${at} -xf ${place.work}/tree.tar; printf 'clean:\\n\\trm -f prog *.o\\n' >> ${at}/tree/project/Makefile`,
    )
    await sh(`mkdir ${at}/stats; cd ${at}/stats; seq -f f%.0f 0 999 | xargs touch; ls -l > /dev/null`)
    await fio(at, 'write', '1m')
  }
  const ratios: { [workload: string]: number[] } = {}
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, perform] of Object.entries(WORKLOADS)) {
      const speed = new Map<string, number>()
      for (const each of round % 2 === 0 ? [native, plyfs] : [plyfs, native]) {
        speed.set(each.name, await perform(each.at))
      }
      ratios[name] ??= []
      ratios[name]?.push((speed.get('plyfs') ?? 0) / (speed.get('native') ?? 1))
    }
  }
  const medians = Object.fromEntries(Object.entries(ratios).map(([name, of]) => [name, median(of)]))
  for (const [name, ratio] of Object.entries(medians)) console.log(name.padEnd(36), ratio.toFixed(3))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ medians, ratios }, null, 2)}\n`)
} finally {
  await place.close()
}
