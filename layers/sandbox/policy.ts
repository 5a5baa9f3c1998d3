/** The policy of a sandbox as people write it, and its codec. */
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { ConfigError, describeValue } from '../../lib/codec/error.js'
import { closed, decodeOptions, flag, oneOf } from '../../lib/codec/options.js'
import { type Errno, isErrno } from '../../lib/layer.js'

/** What may be done with a name; `'*'` is all of them. */
export const actionNames = ['read', 'list', 'stat', 'write', 'create', 'delete', 'exec'] as const
export type Action = (typeof actionNames)[number]

/** Who a rule is about: each field that is present must agree, a list with one of its members. */
export interface CallerRule {
  readonly uid?: number | readonly number[] | undefined
  readonly gid?: number | readonly number[] | undefined
  /** The name that the program gave to the view of its stack. */
  readonly name?: string | readonly string[] | undefined
}

/** One rule: `allow` or `deny`, never both. */
export interface PolicyRule {
  readonly allow?: readonly (Action | '*')[] | undefined
  readonly deny?: readonly (Action | '*')[] | undefined
  /**
   * Globs (picomatch, names with a leading dot included) over canonical paths: each begins with `/` or `**`, and has no
   * `.` or `..` in it. `/srv/data/**` matches `/srv/data` too.
   */
  readonly paths: readonly string[]
  /** Default: everybody. */
  readonly callers?: CallerRule | undefined
}

export interface Policy {
  /** What happens where no rule matches. Default `'deny'`. */
  readonly default?: 'allow' | 'deny' | undefined
  /** The last rule that matches the path, the action and the caller decides. Default none. */
  readonly rules?: readonly PolicyRule[] | undefined
  /**
   * Everything beneath this directory is allowed, and nothing else; it cannot itself be removed or renamed. `rules`
   * then make exceptions beneath it. A canonical path, taken literally.
   */
  readonly root?: string | undefined
  /**
   * `'contained'` (the default): links are followed as long as every step of the way is allowed. `'deny'`: a path with a
   * symbolic link anywhere in it is refused.
   */
  readonly symlinks?: 'contained' | 'deny' | undefined
  /** The errno of every refusal. Default `'EACCES'`. `'ENOENT'` hides what is refused, in listings too. */
  readonly denied?: Errno | undefined
  /**
   * Go on where the lower is a real filesystem and cannot refuse symbolic links at the moment of use (anything but Linux
   * with /proc): whoever swaps a directory for a link between the decision and the use is then not stopped. Default false.
   */
  readonly unsafe?: boolean | undefined
}

/** A new array with the members of a given one, each read once. */
const listOf = <A>(member: t.Type<A, unknown, unknown>, name: string): t.Type<readonly A[], unknown, unknown> =>
  new t.Type<readonly A[], unknown, unknown>(
    name,
    (u): u is readonly A[] => Array.isArray(u) && u.every(member.is),
    (u, context) => {
      if (!Array.isArray(u)) return t.failure(u, context)
      const out: A[] = []
      const { length } = u
      for (let k = 0; k < length; k++) {
        const value: unknown = u[k]
        const decoded = member.validate(value, t.appendContext(context, String(k), member, value))
        if (isLeft(decoded)) return decoded
        out[k] = decoded.right
      }
      return t.success(out)
    },
    t.identity,
  )

const checked = <A>(name: string, is: (u: unknown) => u is A): t.Type<A, unknown, unknown> =>
  new t.Type(name, is, (u, context) => (is(u) ? t.success(u) : t.failure(u, context)), t.identity)

const actions = listOf(oneOf(...actionNames, '*'), 'a list of actions')
const id = checked('a user or group id', (u): u is number => Number.isSafeInteger(u) && (u as number) >= 0)
const text = checked('a name', (u): u is string => typeof u === 'string')
const oneOrMore = <A>(member: t.Type<A, unknown, unknown>) => t.union([member, listOf(member, `a list of such`)])

const dotted = /(?:^|\/)\.{1,2}(?:\/|$)/
const glob = checked(
  "a glob that begins with '/' or '**', without '.', '..' or '//' in it",
  (u): u is string =>
    typeof u === 'string' &&
    /^(?:\/|\*\*(?:\/|$))/.test(u) &&
    !dotted.test(u) &&
    !u.includes('//') &&
    !u.includes('\0'),
)
const directory = checked(
  "an absolute path without '.', '..' or '//' in it",
  (u): u is string =>
    typeof u === 'string' && u.startsWith('/') && !dotted.test(u) && !u.includes('//') && !u.includes('\0'),
)
const errno = checked("an errno, such as 'EACCES'", isErrno)

const policyCodec = closed(
  {},
  {
    default: oneOf('allow', 'deny'),
    rules: listOf(
      closed(
        { paths: listOf(glob, 'a list of globs') },
        {
          allow: actions,
          deny: actions,
          callers: closed(
            {},
            { uid: oneOrMore(id), gid: oneOrMore(id), name: oneOrMore(text) },
            'a rule about callers',
          ),
        },
        'a rule',
      ),
      'a list of rules',
    ),
    root: directory,
    symlinks: oneOf('contained', 'deny'),
    denied: errno,
    unsafe: flag,
  },
  'a policy',
)

/**
 * A policy, checked and copied: nothing that is done to the given object afterwards changes it.
 * @throws {ConfigError} naming the field, what was expected and what was found
 */
export const decodePolicy = (policy: unknown): Policy => {
  if (policy === undefined) throw new ConfigError('sandbox', 'a policy', describeValue(policy))
  const decoded = decodeOptions('sandbox', policyCodec, policy)
  decoded.rules?.forEach((rule, k) => {
    if ((rule.allow === undefined) === (rule.deny === undefined)) {
      throw new ConfigError(
        `sandbox.rules[${k}]`,
        "either 'allow' or 'deny'",
        rule.allow === undefined ? 'neither' : 'both of them',
      )
    }
  })
  return decoded
}
