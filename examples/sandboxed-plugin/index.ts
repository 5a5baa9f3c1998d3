// A plugin gets an fs of its own: it reads its data, writes its output, and reaches nothing else.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PlyFs, stack } from 'plyfs'
import { passthrough, sandbox, stackDepth } from 'plyfs/layers'
import { host } from 'plyfs/lower'

const home = mkdtempSync(join(tmpdir(), 'plyfs-plugin-'))
mkdirSync(join(home, 'data'))
mkdirSync(join(home, 'out'))
writeFileSync(join(home, 'data', 'words.txt'), 'open sesame\n')
writeFileSync(join(home, 'secret.txt'), 'not for plugins\n')
symlinkSync('../secret.txt', join(home, 'data', 'innocent.txt'))

const guard = sandbox({
  default: 'deny',
  rules: [
    { allow: ['read', 'list', 'stat'], paths: [`${home}/data/**`] },
    { allow: ['read', 'stat', 'write', 'create', 'delete'], paths: [`${home}/out/**`] },
  ],
})

/** Somebody else's code. */
const plugin = async (fs: PlyFs): Promise<void> => {
  const words = await fs.promises.readFile(join(home, 'data', 'words.txt'), 'utf8')
  fs.writeFileSync(join(home, 'out', 'shout.txt'), words.toUpperCase())
  console.log('wrote:', fs.readFileSync(join(home, 'out', 'shout.txt'), 'utf8').trim())

  const tries = {
    'a path outside': () => fs.readFileSync(join(home, 'secret.txt')),
    '.. on the way': () => fs.readFileSync(`${home}/data/../secret.txt`),
    'a link that leads out': () => fs.readFileSync(join(home, 'data', 'innocent.txt')),
    'a copy out of reach': () => fs.copyFileSync('/etc/passwd', join(home, 'out', 'passwd')),
    'moving data away': () => fs.renameSync(join(home, 'data', 'words.txt'), join(home, 'out', 'words.txt')),
    "somebody's descriptor": () => fs.writeSync(1, 'hello from the plugin'),
  }
  for (const [what, attempt] of Object.entries(tries)) {
    try {
      attempt()
    } catch (error) {
      console.log(`${what.padEnd(22)} ${(error as NodeJS.ErrnoException).code}`)
      continue
    }
    throw new Error(`${what}: went through`)
  }
}

try {
  await plugin(stack(host(), [stackDepth({ max: 4 }), guard, passthrough()]))
  console.log('the sandbox:', guard.stats())
} finally {
  rmSync(home, { recursive: true })
}
