// What a sandbox says where the lower cannot refuse swapped links, or not now.
import { execFileSync } from 'node:child_process'
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { sandbox } from '../../layers/index.js'
import { hostLower } from '../../lib/lower/host.js'
import { exchangeOver } from '../layers/harness.js'

const without = { ...hostLower(), capabilities: { ...hostLower().capabilities, noFollow: false } }

test('over a real filesystem that cannot refuse links at the moment of use, a sandbox must be told to go on', (t) => {
  const error = t.throws(() => exchangeOver(without, [sandbox({ root: '/srv' })]), { code: 'ERR_PLYFS_UNSAFE' })
  t.regex(String(error?.message), /unsafe: true/)
  t.notThrows(() => exchangeOver(without, [sandbox({ root: '/srv', unsafe: true })]))
  t.notThrows(() => exchangeOver(hostLower(), [sandbox({ root: '/srv' })]))
})

const linux = process.platform === 'linux' ? test : test.skip
for (const layers of ['', ', metadataCache()']) {
  linux(`a sandbox whose first request finds no descriptor left follows no link afterwards${layers}`, (t) => {
    const base = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-none-left-')))
    t.teardown(() => nodeFs.rmSync(base, { recursive: true, force: true }))
    nodeFs.mkdirSync(`${base}/root`)
    nodeFs.writeFileSync(`${base}/root/file`, 'inside')
    nodeFs.writeFileSync(`${base}/secret`, 'canary')
    nodeFs.symlinkSync(`${base}/secret`, `${base}/root/link`)
    const at = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href)
    const script = `
      import * as nodeFs from 'node:fs'
      import { stack } from ${at('lib/index.ts')}
      import { host } from ${at('lib/lower/index.ts')}
      import { metadataCache, sandbox } from ${at('layers/index.ts')}
      const root = ${JSON.stringify(`${base}/root`)}
      const fs = stack(host(), [sandbox({ root })${layers}])
      const fds = []
      try { for (;;) fds.push(nodeFs.openSync('/dev/null')) } catch {}
      const said = (run) => { try { return String(run()) } catch (error) { return error.code } }
      const out = [said(() => fs.readFileSync(root + '/link')), await fs.promises.readFile(root + '/link').then(String, (e) => e.code)]
      for (const fd of fds) nodeFs.closeSync(fd)
      for (const file of ['/link', '/file']) {
        out.push(said(() => fs.readFileSync(root + file)), await fs.promises.readFile(root + file).then(String, (e) => e.code))
      }
      console.log(out.join(' '))
    `
    const nodeArguments = process.execArgv.map((argument) => JSON.stringify(argument)).join(' ')
    const command = `ulimit -n 256; exec '${process.execPath}' ${nodeArguments} --input-type=module -e "$SCRIPT"`
    const out = execFileSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, SCRIPT: script } })
    const [first, second, ...rest] = out.trim().split(' ')
    t.false([first, second].includes('canary'))
    t.deepEqual(rest, ['EACCES', 'EACCES', 'inside', 'inside'])
  })
}
