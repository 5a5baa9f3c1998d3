/** sandbox: a policy over every operation on a name, decided after every symbolic link has been resolved. */
import { posix } from 'node:path'
import { decodeOptions } from '../../lib/codec/options.js'
import { type Caller, type Failed, type Layer, layer, NEXT, type Op, type Path } from '../../lib/layer.js'
import { Audit, type AuditOptions, auditCodec, type Decision } from './audit.js'
import { isAllowed, isChecked } from './check.js'
import { guardOf } from './guard.js'
import { type Action, decodePolicy, type Policy } from './policy.js'
import { Warden } from './warden.js'

export type { AuditOptions, Decision } from './audit.js'
export type { Action, CallerRule, Policy, PolicyRule } from './policy.js'

export interface Sandbox extends Layer {
  /**
   * What the policy says of `op` on `path`, without doing anything: `NEXT` or `fail(errno)`.
   * @param op an opcode (`open` is to read, `create` to create; of `rename` and `link`, the end that is named), or an
   *   action of the policy
   * @param path absolute and canonical: links are not resolved, `.` and `..` are by their text
   * @param caller default: the process
   * @throws {TypeError} for an unknown `op` or a path that is not absolute
   */
  check(op: Op | Action, path: Path, caller?: Partial<Caller>): typeof NEXT | Failed
  /** The decisions that were recorded lately, oldest first. */
  decisions(): Decision[]
  /**
   * `fast`: requests let through by a dentry that a cache had at hand; `walked`: paths that were resolved here, step by
   * step; `refused`; `auditErrors`: how often the audit callback threw.
   */
  stats(): Record<string, number>
}

/**
 * Confines what stands above it by a policy. Each operation on a name is resolved to a canonical path first, every step of
 * the way under the policy, and goes down with that path and a dentry: no link may be followed any more. What is refused
 * fails with one errno, whether it exists or not. An open file carries what was granted when it was opened; one that was
 * opened for reading never changes anything, and descriptors that the stack did not open are EBADF. A file is never moved
 * or linked to where more is allowed with it than where it was.
 *
 * Actions: `read` contents and attributes' values; `list` a directory; `stat`; `write` contents and attributes; `create`
 * and `delete` names; `exec` (what access(2) says). O_CREAT needs `create`, O_TRUNC `write`, whatever the access mode; who
 * may only write opens what is there. Directories that lead to something allowed may be passed, and looked up.
 *
 * The lower refuses, at the moment of use, whatever has become a link since (`capabilities.noFollow`: `host()`, `rooted()`
 * and `memory()` on Linux). A stack over a real filesystem that cannot is refused with ERR_PLYFS_UNSAFE, unless the policy
 * says `unsafe`. See docs/security.md.
 * @param policy see {@link Policy}; copied
 * @throws {ConfigError} naming the field, what was expected and what was found
 */
export const sandbox = (policy: Policy, audit?: AuditOptions): Sandbox => {
  const decoded = decodePolicy(policy)
  const warden = new Warden(decoded, new Audit(decodeOptions('sandbox audit', auditCodec, audit)))
  const stats = () => ({
    fast: warden.fast,
    walked: warden.walked,
    refused: warden.refused,
    auditErrors: warden.audit.errors,
  })
  const made = layer('sandbox', guardOf(warden), {
    pinned: true,
    ownFilesOnly: true,
    stateful: true,
    stats,
    attach: (site) => warden.attach(site),
    // What is the same for every caller, the kernel may keep for all of them.
    offload: { perCaller: decoded.rules?.some(({ callers }) => callers !== undefined) ?? false },
  })
  return {
    ...made,
    stats,
    check(op, path, caller) {
      if (typeof op !== 'string' || !isChecked(op)) throw new TypeError(`check(op): unknown opcode or action ${op}`)
      if (typeof path !== 'string' || !posix.isAbsolute(path))
        throw new TypeError('check(path): expected an absolute path')
      const canonical = posix.resolve(path)
      const mask = warden.decider.for({ ...self(), ...caller }).judge(canonical)
      return isAllowed(op, mask) ? NEXT : warden.denied
    },
    decisions: () => warden.audit.decisions(),
  }
}

const self = (): Caller => ({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid })
