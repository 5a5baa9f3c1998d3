/** plyfs: a stackable filesystem for Node. */

export { ConfigError } from './codec/error.js'
export { stackFromConfig, stackFromFile } from './config.js'
export type { Caller, Context } from './context.js'
export { type Explanation, explain } from './explain.js'
export type { PlyFs } from './face/node-fs.js'
export type { XattrMethods } from './face/xattr.js'
export { install } from './install.js'
export * from './layer.js'
export { type LowerFs, stack, withCaller } from './plyfs.js'
export { layerMonoid, StackError } from './stack.js'
