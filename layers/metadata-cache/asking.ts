/** The words that resolution is asked and answers in. */
import type { Call, Failed, Op, Reply } from '../../lib/layer.js'

/** The cache cannot tell: the request itself must go down. */
export const RAW: unique symbol = Symbol('raw')
/** What has to be known of the last component: nothing, whether it is there, or which inode it is. */
export type Want = 'parent' | 'name' | 'inode'

export type Asking<T> = Generator<Call<Op>, T, Reply<Op> | Failed>
