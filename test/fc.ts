// fast-check for tests: properties meet the same random values at each run, so that a change that fails is the change that
// broke something. PLYFS_SEED=N takes others, PLYFS_SEED=random new ones.
// biome-ignore lint/style/noRestrictedImports: here it is given its seed
import fc from 'fast-check'

const seed = process.env.PLYFS_SEED ?? '20260101'
if (seed !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })

export { fc }
