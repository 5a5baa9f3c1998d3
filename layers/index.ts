/** plyfs/layers: each function makes a layer. */
export { type CaseFold, type CaseFoldOptions, caseFold } from './case-fold.js'
export { type ConcurrencyLimit, type ConcurrencyLimitOptions, concurrencyLimit } from './concurrency-limit.js'
export { type Encrypt, type EncryptOptions, encrypt } from './encrypt/index.js'
export { type Fault, type FaultPlan, type FaultRule, type Faults, faults, type Latency } from './faults/index.js'
export { type MetadataCache, type MetadataCacheOptions, metadataCache } from './metadata-cache/index.js'
export { type MountPoints, mountPoints } from './mount-points.js'
export { type Overlay, type OverlayOptions, overlay } from './overlay/index.js'
export { type Passthrough, type PassthroughOptions, passthrough } from './passthrough.js'
export {
  type DiskImage,
  type ImageEntry,
  type ImageTarget,
  type PowerLoss,
  type PowerLossOptions,
  powerLoss,
} from './power-loss/index.js'
export { type Quota, type QuotaOptions, quota } from './quota/index.js'
export { type ReadOnlyLayer, readOnly } from './read-only.js'
export { type Counts, type RequestCount, requestCount } from './request-count.js'
export { type Retry, type RetryOptions, retry } from './retry.js'
export {
  type Action,
  type AuditOptions,
  type CallerRule,
  type Decision,
  type Policy,
  type PolicyRule,
  type Sandbox,
  sandbox,
} from './sandbox/index.js'
export { type StackDepth, type StackDepthOptions, stackDepth } from './stack-depth.js'
export { type Subdir, subdir } from './subdir.js'
export { type Timeout, type TimeoutOptions, timeout } from './timeout.js'
export { type Trace, type TraceChannel, type TraceEvent, type TraceSink, trace } from './trace/index.js'
export { type XattrElision, type XattrElisionOptions, xattrElision } from './xattr-elision/index.js'
