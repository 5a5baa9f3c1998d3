/**
 * Several filesystems seen as one: reads find the first that has a path, changes go to the one that is writable.
 *
 * unionfs does the finding, and falls through only where a member has nothing. It is a read union: nothing is copied up
 * (but for the directories that a new name needs), and what a read-only member has can be neither hidden nor changed.
 */
import type { Lower } from '../lower.js'
import { unionFileOps } from './union/files.js'
import { Members } from './union/members.js'
import { unionNameOps } from './union/names.js'

/**
 * @param lowers searched in this order: the first one hides what the others have under the same name
 * @param writable the index of the one that takes changes; -1: every change is EROFS
 */
export const unionLower = (lowers: readonly Lower[], writable: number): Lower => {
  const members = new Members(lowers, writable)
  return {
    name: `union(${lowers.map(({ name }) => name).join(', ')})`,
    ops: { ...unionNameOps(members), ...unionFileOps(members) },
    native: undefined,
    capabilities: {
      // A directory's inode is another one once the writable member has it too.
      stableInodes: writable === -1 && lowers.every(({ capabilities }) => capabilities.stableInodes),
      xattr: lowers.some(({ capabilities }) => capabilities.xattr),
      renameFlags: lowers[writable]?.capabilities.renameFlags ?? false,
      noFollow: false,
      accessTimes: (dev, type) => {
        for (const { capabilities } of lowers) {
          const rule = capabilities.accessTimes?.(dev, type) ?? 'always'
          if (rule !== 'always') return rule
        }
        return 'always'
      },
    },
  }
}
