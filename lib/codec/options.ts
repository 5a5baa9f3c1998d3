/** Options and other objects from outside, decoded with io-ts: unknown keys are refused, errors name the field. */
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { ConfigError, describeValue } from './error.js'

type Shape<R extends t.Props, O extends t.Props> = { [K in keyof R]: t.TypeOf<R[K]> } & {
  [K in keyof O]?: t.TypeOf<O[K]>
}

/** A plain object with these fields and no others; an optional one that is undefined counts as absent. */
class ClosedType<A> extends t.Type<A, unknown, unknown> {
  readonly _tag = 'ClosedType'
}

/**
 * A codec for an object with the fields of `required`, perhaps those of `optional`, and no others. Each field is read
 * once, and the decoded object is a new one.
 * @param name what an error calls such an object: `'expected <name>'`
 */
export const closed = <R extends t.Props, O extends t.Props>(
  required: R,
  optional: O,
  name = 'an object',
): t.Type<Shape<R, O>, unknown, unknown> => {
  const props: t.Props = { ...optional, ...required }
  const known = Object.keys(props)
  const keys = known.length === 0 ? 'no fields' : `one of the fields ${known.join(', ')}`
  const unknownField = new t.Type<never, unknown, unknown>(keys, (_u): _u is never => false, t.failure, t.identity)
  return new ClosedType<Shape<R, O>>(
    name,
    (u): u is Shape<R, O> => isPlain(u) && Object.entries(u).every(([key, value]) => props[key]?.is(value) === true),
    (u, context) => {
      if (!isPlain(u)) return t.failure(u, context)
      // What is absent must not be found in a prototype that somebody wrote to.
      const out = Object.create(null) as Record<string, unknown>
      const errors: t.ValidationError[] = []
      for (const key of Object.keys(u)) {
        if (Object.hasOwn(props, key)) continue
        errors.push({ value: key, context: t.appendContext(context, key, unknownField, u[key]) })
      }
      for (const key of known) {
        const codec = props[key] as t.Mixed
        const value = Object.hasOwn(u, key) ? u[key] : undefined
        if (value === undefined && !Object.hasOwn(required, key)) continue
        const decoded = codec.validate(value, t.appendContext(context, key, codec, value))
        if (isLeft(decoded)) errors.push(...decoded.left)
        else out[key] = decoded.right
      }
      return errors.length > 0 ? t.failures(errors) : t.success(out as Shape<R, O>)
    },
    t.identity,
  )
}

const isPlain = (u: unknown): u is Record<string, unknown> => {
  if (u === null || typeof u !== 'object' || Array.isArray(u)) return false
  const proto: unknown = Object.getPrototypeOf(u)
  // Objects of another realm have an Object.prototype of their own.
  return proto === null || Object.getPrototypeOf(proto) === null
}

const numeric = (name: string, accepts: (n: number) => boolean): t.Type<number, number, unknown> =>
  new t.Type(
    name,
    (u): u is number => typeof u === 'number' && accepts(u),
    (u, context) => (typeof u === 'number' && accepts(u) ? t.success(u) : t.failure(u, context)),
    t.identity,
  )

/** Milliseconds; `Infinity` is for ever. */
export const milliseconds = numeric('a number of milliseconds, 0 or more', (n) => n >= 0)
/** What setTimeout takes; it would take more for 1. */
export const timerMilliseconds = numeric(
  'a whole number of milliseconds, from 1 to 2147483647',
  (n) => Number.isInteger(n) && n >= 1 && n <= 0x7fff_ffff,
)
/** A share of all. */
export const probability = numeric('a number from 0 to 1', (n) => n >= 0 && n <= 1)
/** How many, at least one. */
export const positiveInteger = numeric('a whole number, 1 or more', (n) => Number.isSafeInteger(n) && n >= 1)
/** How many, or none. */
export const wholeNumber = numeric('a whole number, 0 or more', (n) => Number.isSafeInteger(n) && n >= 0)
export const flag: t.Type<boolean, boolean, unknown> = new t.Type(
  'true or false',
  t.boolean.is,
  (u, context) => (typeof u === 'boolean' ? t.success(u) : t.failure(u, context)),
  t.identity,
)
/** A function; its signature is for the compiler to check. */
export const callable = <F>(): t.Type<F, unknown, unknown> =>
  new t.Type(
    'a function',
    (u): u is F => typeof u === 'function',
    (u, context) => (typeof u === 'function' ? t.success(u as F) : t.failure(u, context)),
    t.identity,
  )
/** A path from the root on. */
export const absolutePath: t.Type<string, string, unknown> = new t.Type(
  'an absolute path',
  (u): u is string => typeof u === 'string' && u.startsWith('/'),
  (u, context) => (typeof u === 'string' && u.startsWith('/') ? t.success(u) : t.failure(u, context)),
  t.identity,
)
const isFilesystem = (u: unknown): u is object =>
  u !== null && typeof u === 'object' && typeof (u as { statSync?: unknown }).statSync === 'function'
/** An object shaped like node:fs. */
export const filesystem: t.Type<object, unknown, unknown> = new t.Type(
  'an object shaped like node:fs',
  isFilesystem,
  (u, context) => (isFilesystem(u) ? t.success(u) : t.failure(u, context)),
  t.identity,
)
/** One of a few strings. */
export const oneOf = <S extends string>(...choices: readonly S[]): t.Type<S, S, unknown> =>
  new t.Type(
    choices.length === 1 ? `'${choices[0]}'` : `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`,
    (u): u is S => choices.includes(u as S),
    (u, context) => (choices.includes(u as S) ? t.success(u as S) : t.failure(u, context)),
    t.identity,
  )

/** The path of the field that an error is about. */
const fieldOf = (root: string, context: t.Context): string => {
  let field = root
  for (let k = 1; k < context.length; k++) {
    const { key } = context[k] as t.ContextEntry
    // Members of unions and intersections are not fields.
    const tag = (context[k - 1]?.type as { _tag?: string } | undefined)?._tag
    if (tag === 'UnionType' || tag === 'IntersectionType') continue
    if (key === '') continue
    field += /^\d+$/.test(key) ? `[${key}]` : /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  }
  return field
}

const isUnion = ({ type }: t.ContextEntry): boolean => (type as { _tag?: string })._tag === 'UnionType'

/** One of a decoding's errors as a ConfigError: the first, and of a union's the one that says most. */
export const configError = (root: string, errors: t.Errors): ConfigError => {
  const first = errors[0]
  let context = first?.context ?? []
  let message = first?.message
  const at = context.findIndex(isUnion)
  if (at !== -1) {
    const union = context[at]
    for (const other of errors) {
      // The member that came furthest was most likely meant.
      if (other.context[at]?.actual !== union?.actual || other.context.length <= context.length) continue
      context = other.context
      message = other.message
    }
    // No member came further than its first look at the value: the union's own name says it all.
    if (context.length === at + 2) context = context.slice(0, at + 1)
  }
  const last = context.at(-1)
  return new ConfigError(
    fieldOf(root, context),
    message ?? last?.type.name ?? 'something else',
    describeValue(last?.actual),
  )
}

/**
 * A layer's options, checked. `undefined` means no options at all.
 * @throws {ConfigError} naming the field, what was expected and what was found
 */
export const decodeOptions = <A>(layerName: string, codec: t.Type<A, unknown, unknown>, options: unknown): A => {
  const decoded = codec.decode(options === undefined ? {} : options)
  if (isLeft(decoded)) throw configError(layerName, decoded.left)
  return decoded.right
}
