// A user's project in small: compiled by `npm run types:consumer` against the package as it is published.
import fs from 'node:fs'
import { createFsFromVolume, fs as memfs, Volume } from 'memfs'
import { fail, install, layer, layerMonoid, NEXT, PASSTHROUGH, type PlyFs, reply, stack } from 'plyfs'
import { taskEither } from 'plyfs/fp'
import { metadataCache, passthrough, requestCount, sandbox, stackDepth, xattrElision } from 'plyfs/layers'
import { host, memory, rooted, union } from 'plyfs/lower'
import { Union } from 'unionfs'

// A stack stands wherever node:fs stands.
const face: PlyFs = stack()
export const whole: typeof import('node:fs') = face
export const promises: typeof import('node:fs/promises') = face.promises
export const text: string = face.readFileSync('/a', 'utf8')

// Lowers, without a cast.
const joined = new Union().use(fs).use(memfs as never)
export const stacks: PlyFs[] = [
  stack(fs),
  stack(memfs),
  stack(createFsFromVolume(new Volume())),
  stack(joined),
  stack(host(), [stackDepth({ max: 4 }), sandbox({ root: '/srv' }), passthrough({}), xattrElision({})]),
  stack(memory(), [metadataCache({ ttlMs: 1000 }), requestCount()]),
  stack(rooted('/srv')),
  stack(union([face, memfs], { write: face })),
  stack(face),
]

// Hooks know what they are asked and what they may answer.
const quiet = layer('quiet', {
  getattr: {
    request: (req) => (req.path.endsWith('.secret') ? fail('ENOENT') : NEXT),
    reply: (stats) => stats,
  },
  readlink: { request: () => reply('/target') },
  read: { request: ({ length }) => (length > 0 ? PASSTHROUGH : reply(0)) },
})
export const both = layerMonoid.concat(quiet, layerMonoid.empty)
layer('wrong', {
  // @ts-expect-error readlink is answered with a string
  readlink: { request: () => reply(5) },
})
layer('silent', {
  // @ts-expect-error a hook must answer
  getattr: { request: () => {} },
})
// @ts-expect-error no such opcode
layer('unknown', { readEverything: { request: () => NEXT } })
// @ts-expect-error no such option
metadataCache({ ttl: 5 })

export const restore: () => void = install(face)
export const task = taskEither(face).readFile('/a')
