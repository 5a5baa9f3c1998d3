/**
 * How often something random is tried: few times, so that the tests of a change are quick. `PLYFS_RUNS=3` (as CI has it) makes
 * that three times as many.
 */
export const runs = (daily: number): number => Math.max(1, Math.round(daily * Number(process.env.PLYFS_RUNS ?? 1)))
