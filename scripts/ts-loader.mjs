// `node --import ./scripts/ts-loader.mjs`: TypeScript of this repository runs as it is, in threads too. Loading is what takes
// the time of a short test: each module's JavaScript is kept in node_modules/.cache/ts. Types are tsc's affair.
import * as module from 'node:module'

// Node 20 has hooks in a thread of their own only.
if (module.registerHooks === undefined) module.register('./ts-hooks.mjs', import.meta.url)
else module.registerHooks(await import('./ts-hooks.mjs'))
