/** What each opcode asks of the policy, for those who ask without doing. */
import type { Op } from '../../lib/layer.js'
import { ALL, CREATE, DELETE, EXEC, LIST, READ, STAT, WRITE } from './decide.js'
import type { Action } from './policy.js'

/** The actions that an opcode needs on a path: every one of `all`, and one of `any` where that is not 0. */
interface Needs {
  readonly all: number
  readonly any: number
}
const all = (mask: number): Needs => ({ all: mask, any: 0 })
const any = (mask: number): Needs => ({ all: 0, any: mask })

const needs = {
  lookup: any(ALL),
  resolve: any(ALL),
  access: any(ALL),
  getattr: all(STAT),
  listxattr: all(STAT),
  statfs: all(STAT),
  syncfs: all(STAT),
  readlink: any(READ | STAT),
  watch: any(LIST | STAT),
  setattr: all(WRITE),
  setxattr: all(WRITE),
  removexattr: all(WRITE),
  getxattr: all(READ),
  open: all(READ),
  read: all(READ),
  lseek: all(READ),
  create: all(CREATE),
  mkdir: all(CREATE),
  mknod: all(CREATE),
  symlink: all(CREATE),
  link: all(CREATE),
  tmpfile: all(CREATE | WRITE),
  write: all(WRITE),
  fallocate: all(WRITE),
  copy_file_range: all(WRITE),
  unlink: all(DELETE),
  rmdir: all(DELETE),
  rename: all(DELETE),
  opendir: all(LIST),
  readdir: all(LIST),
  release: all(0),
  fsync: all(0),
  // The actions that are no opcodes' names.
  list: all(LIST),
  stat: all(STAT),
  delete: all(DELETE),
  exec: all(EXEC),
} as const satisfies { readonly [O in Op | Action]: Needs }

export const isAllowed = (op: Op | Action, mask: number): boolean => {
  const need: Needs = needs[op]
  return (mask & need.all) === need.all && (need.any === 0 || (mask & need.any) !== 0)
}
export const isChecked = (op: string): op is Op | Action => Object.hasOwn(needs, op)
