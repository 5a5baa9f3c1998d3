/**
 * What the decisions about paths hang on, as it was when this module was loaded: code in the same realm may replace
 * `String.prototype.slice` later on.
 */
const { bind, call } = Function.prototype
// biome-ignore lint/suspicious/noExplicitAny: a method of any signature
const uncurryThis = bind.bind(call) as <This, Args extends readonly any[], R>(
  method: (this: This, ...args: Args) => R,
) => (self: This, ...args: Args) => R

const string = String.prototype
export const charCodeAt: (text: string, at: number) => number = uncurryThis(string.charCodeAt)
export const slice: (text: string, from: number, to?: number) => string = uncurryThis(string.slice)
export const lastIndexOf: (text: string, part: string, from?: number) => number = uncurryThis(string.lastIndexOf)
export const indexOf: (text: string, part: string, from?: number) => number = uncurryThis(string.indexOf)
export const startsWith: (text: string, part: string) => boolean = uncurryThis(string.startsWith)
