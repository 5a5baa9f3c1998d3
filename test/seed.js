// Random tests repeat themselves unless told otherwise, so that a change that fails is the change that broke something.
import fc from 'fast-check'

const seed = process.env.PLYFS_SEED ?? '20260101'
if (seed !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
