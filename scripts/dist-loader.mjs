// `node --import ./scripts/dist-loader.mjs`, after ts-loader.mjs: modules of lib/ and layers/ are taken from the build, however
// they are named. So the same tests and benchmarks, internals included, run against what is published, with one copy of every
// module.
import * as module from 'node:module'

// Node 20 has hooks in a thread of their own only.
if (module.registerHooks === undefined) module.register('./dist-hooks.mjs', import.meta.url)
else module.registerHooks(await import('./dist-hooks.mjs'))
