/** plyfs/fuse: mounts stacks on Linux. */
export type { Counts } from './counters.js'
export type { Mount, MountStats } from './live-mount.js'
export { type MountOptions, mount } from './mount.js'
export { MountError } from './mount-error.js'
export { describeOffload, type Knobs, type OffloadOptions, type OffloadPlan, planOffload } from './offload.js'
export type { Source } from './source.js'
