/** The words that resolution is asked and answers in. */

/** The cache cannot tell: the request itself must go down. */
export const RAW: unique symbol = Symbol('raw')
/** What has to be known of the last component: nothing, whether it is there, or which inode it is. */
export type Want = 'parent' | 'name' | 'inode'
