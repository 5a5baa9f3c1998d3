// Tests are TypeScript (scripts/ts-loader.mjs). They meet plyfs as sources (the condition `plyfs-source` of package.json), or,
// when PLYFS_TEST=dist, as the built package: scripts/dist-loader.mjs sends whatever would load lib/ or layers/ to dist/.
import { prepare } from './scripts/ts-hooks.mjs'

const dist = process.env.PLYFS_TEST === 'dist'
// Absolute: threads of tests that are elsewhere by then load it again.
const load = (path) => `--import=${new URL(path, import.meta.url).href}`

if (!dist) prepare()

export default {
  files: ['test/**/*.test.ts', '!test/types/**'],
  extensions: { ts: 'module' },
  nodeArguments: [load('scripts/ts-loader.mjs'), dist ? load('scripts/dist-loader.mjs') : '--conditions=plyfs-source'],
  // A process a file, not a thread: tests replace node:fs, change directory and drop privileges.
  workerThreads: false,
  concurrency: 2,
  timeout: '2m',
  tap: process.env.PLYFS_TAP === '1',
}
