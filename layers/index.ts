/** plyfs/layers: each function makes a layer. */
export { type MetadataCache, type MetadataCacheOptions, metadataCache } from './metadata-cache/index.js'
export { type Passthrough, type PassthroughOptions, passthrough } from './passthrough.js'
export { type ReadOnlyLayer, readOnly } from './read-only.js'
export { type Counts, type RequestCount, requestCount } from './request-count.js'
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
export { type XattrElision, type XattrElisionOptions, xattrElision } from './xattr-elision/index.js'
