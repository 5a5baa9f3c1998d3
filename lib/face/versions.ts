/** What differs between the versions of Node that plyfs runs on: named here, and nowhere else by number. */

/** The running Node's first number. */
export const nodeMajor = Number.parseInt(process.versions.node, 10)

/** mkdir's Errors call a mode in an options object `options.mode`; not in promises. */
export const MKDIR_OPTIONS_MODE = nodeMajor >= 22 ? 'options.mode' : 'mode'
/** The read positions that may be a bigint end where offset and length still fit 63 bits, and begin at -1. */
export const READ_POSITION_FITS = nodeMajor >= 22
/** Listing a tree with types looks through symbolic links, as listing its names does. */
export const READDIR_FOLLOWS = { sync: nodeMajor >= 22, promise: nodeMajor >= 26 } as const
/** Promises list a tree level by level, as the others do. */
export const READDIR_PROMISE_BY_LEVEL = nodeMajor >= 26
/** truncate takes no descriptors any more. */
export const TRUNCATE_PATHS_ONLY = nodeMajor >= 24
/** rmSync with `recursive` and `force` takes ENOTDIR for gone. */
export const RM_SYNC_FORGIVES_ENOTDIR = nodeMajor >= 24
/** promises.watch has the name and the value of this one message the wrong way round. */
export const WATCH_SWAPS_ENCODING = nodeMajor < 24
/** promises.cp refuses a directory that is there already, with `errorOnExist` and without `force`. */
export const CP_REFUSES_DIRECTORIES = nodeMajor >= 22
