/**
 * What decisions hang on, as it was when this module was loaded: code in the same realm may replace
 * `String.prototype.slice`, or see in a replaced `Map.prototype.get` what is kept from it.
 */
const { bind, call } = Function.prototype
// biome-ignore lint/suspicious/noExplicitAny: a method of any signature
type Method<This, Args extends readonly any[], R> = (this: This, ...args: Args) => R
// biome-ignore lint/suspicious/noExplicitAny: a method of any signature
export const uncurryThis = bind.bind(call) as <This, Args extends readonly any[], R>(
  method: Method<This, Args, R>,
) => (self: This, ...args: Args) => R
/** `method` with its receiver. */
export const bound = uncurryThis(bind) as <F>(method: F, self: unknown) => F
export const { apply, construct } = Reflect

const string = String.prototype
export const charCodeAt: (text: string, at: number) => number = uncurryThis(string.charCodeAt)
export const slice: (text: string, from: number, to?: number) => string = uncurryThis(string.slice)
export const lastIndexOf: (text: string, part: string, from?: number) => number = uncurryThis(string.lastIndexOf)
export const indexOf: (text: string, part: string, from?: number) => number = uncurryThis(string.indexOf)
export const startsWith: (text: string, part: string) => boolean = uncurryThis(string.startsWith)

const { create, defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object
const { ownKeys } = Reflect

const copyMethods = (from: object, to: object): void => {
  for (const key of ownKeys(from)) {
    if (key === 'constructor') continue
    defineProperty(to, key, getOwnPropertyDescriptor(from, key) as PropertyDescriptor)
  }
}
/** A class whose methods are its own: what is done to the built-in's prototype later does not reach its instances. */
const own = <C extends abstract new (...args: never[]) => object>(
  made: C,
  builtIn: { readonly prototype: object },
): C => {
  copyMethods(builtIn.prototype, made.prototype as object)
  setPrototypeOf(made.prototype as object, null)
  freeze(made.prototype)
  return made
}
/** Not for `for … of`: its iterators are everybody's. */
export const SafeMap = own(
  class SafeMap<K, V> extends Map<K, V> {
    // biome-ignore lint/complexity/noUselessConstructor: one that is not written takes its arguments by everybody's iterator
    constructor() {
      super()
    }
  },
  Map,
)
export type SafeMap<K, V> = Map<K, V>
export const SafeWeakMap = own(class SafeWeakMap<K extends WeakKey, V> extends WeakMap<K, V> {}, WeakMap)
export const SafeFinalizationRegistry = own(
  class SafeFinalizationRegistry<T> extends FinalizationRegistry<T> {},
  FinalizationRegistry,
)

const generatorPrototype = getPrototypeOf(getPrototypeOf((function* () {})())) as object
/** What generators inherit, as it was when plyfs was loaded; it inherits nothing itself. */
const ownGenerators = create(null) as object
copyMethods(getPrototypeOf(generatorPrototype) as object, ownGenerators)
copyMethods(generatorPrototype, ownGenerators)
freeze(ownGenerators)
/** Generators that `make` makes answer to the engine's own `next`, whoever replaces that of all generators. */
export const hardened = <F>(make: F): F => {
  const prototype = (make as { prototype?: unknown }).prototype
  if (typeof prototype !== 'object' || prototype === null || getPrototypeOf(prototype) !== generatorPrototype)
    return make
  setPrototypeOf(prototype, ownGenerators)
  return make
}

/** `list.push(value)`, past the setters that somebody may have given `Array.prototype`. */
export const append = <T>(list: T[], value: T): void => {
  defineProperty(list, list.length, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  } as PropertyDescriptor)
}
/** `list.shift()` */
export const takeFirst = <T>(list: T[]): T | undefined => {
  const { length } = list
  if (length === 0) return undefined
  const first = list[0]
  for (let k = 1; k < length; k++) list[k - 1] = list[k] as T
  list.length = length - 1
  return first
}
