// A layer is hooks on opcodes. This one keeps names beneath /archive from ever changing, for every door of node:fs at
// once, and is written once for sync, callback, promise and stream callers.
import { constants } from 'node:fs'
import { type Extension, fail, type Layer, layer, NEXT, OP, OPS, type Op, stack } from 'plyfs'

/** Refuses with EROFS whatever would change something at or beneath `root`. */
const frozen = (root: string): Layer => {
  let refused = 0
  const inside = (path: string): boolean => path === root || path.startsWith(`${root}/`)
  const guard: Extension<Op> = {
    request(req) {
      const paths = [('path' in req && req.path) || '', ('newPath' in req && req.newPath) || '']
      const onlyReads = 'flags' in req && !('newPath' in req) && (req.flags & WRITING) === 0
      if (onlyReads || !paths.some(inside)) return NEXT
      refused++
      return fail('EROFS')
    },
  }
  const WRITING = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC
  // Every opcode that may change something and carries a path: the table knows which.
  const writing = OPS.filter((op) => OP[op].effect === 'write' && OP[op].paths.length > 0)
  const extensions = Object.fromEntries(writing.map((op) => [op, guard]))
  return layer('frozen', extensions, { pinned: true, stats: () => ({ refused }) })
}

const guard = frozen('/archive')
const base = stack()
base.mkdirSync('/archive')
base.writeFileSync('/archive/2025.txt', 'as it was')

const fs = stack(base, [guard])
const attempts: [string, () => unknown][] = [
  ['writeFileSync', () => fs.writeFileSync('/archive/2025.txt', 'changed')],
  ['rmSync recursive', () => fs.rmSync('/archive', { recursive: true })],
  ['promises.rename', () => fs.promises.rename('/archive/2025.txt', '/mine.txt')],
  ['promises.truncate', () => fs.promises.truncate('/archive/2025.txt', 1)],
  ['createWriteStream', () => new Promise((_, no) => fs.createWriteStream('/archive/new').on('error', no))],
]
for (const [name, attempt] of attempts) {
  try {
    await attempt()
    throw new Error(`${name} went through`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
    console.log(`${name.padEnd(20)} ${(error as Error).message}`)
  }
}
console.log('still:', fs.readFileSync('/archive/2025.txt', 'utf8'), guard.stats?.())
