/** The authoring kit: all that a layer imports. */
export type { Caller, Context } from './context.js'
export { Delay, NO_CAPABILITIES } from './delay.js'
export { type Errno, isErrno } from './errno.js'
export {
  type Around,
  type Asking,
  attempt,
  attemptOn,
  attemptWithin,
  Call,
  type Capabilities,
  call,
  callOn,
  type Deadline,
  type Extension,
  type ExtensionMap,
  type Guard,
  type Layer,
  type LayerOptions,
  layer,
  type Offload,
  type OtherFs,
  type Peek,
  type Site,
  VIRTUAL_FD,
  virtualFd,
} from './extension.js'
export type { Dentry, OpenFile } from './file.js'
export {
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  R_OK,
  W_OK,
  X_OK,
} from './flags.js'
export {
  dentryOf,
  type LookUp,
  namei,
  notAName,
  PATH_MAX,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Walked,
  type WalkMode,
  walkMode,
  walkPath,
} from './namei.js'
export {
  type Attributes,
  type Entry,
  type FdOp,
  isOp,
  type OnPath,
  type OnPaths,
  OP,
  OPS,
  type Op,
  type OpInfo,
  type OpTable,
  type Path,
  type PathOp,
  type Reply,
  type Request,
  type StatFs,
  type Stats,
  type WatchHandle,
  type WatchSink,
  type WriteOp,
} from './op.js'
export { decodePath, pathBytes } from './path-bytes.js'
export { append, hardened, SafeMap, uncurryThis } from './primordials.js'
export { randomOf } from './random.js'
export { fromPrecise, KeptStats, makeStats, preciseOf, type StatFields, toBigIntStats } from './stats.js'
export {
  AROUND,
  Failed,
  Forward,
  fail,
  forward,
  NEXT,
  PASSTHROUGH,
  Probe,
  Replied,
  reply,
  type Verdict,
} from './verdict.js'
