/**
 * The object that programs hold as `fs`: a face, or node:fs where a face is installed. Programs replace functions on it
 * (a test its fsyncSync, graceful-fs its open), and Node calls some by their names there; so does a face.
 */
import type { Op, Reply } from '../op.js'
import { type Ask, Await, type Steps } from './compound.js'
import type { Fn } from './method.js'
import type { View } from './view.js'

export interface Surface {
  /** Where programs replace functions. */
  at: Readonly<Record<string, unknown>>
  /** What the face has put there. */
  readonly own: Readonly<Record<string, unknown>>
}

const surfaces = new WeakMap<object, Surface>()

/** To be called once the face is finished. */
export const makeSurface = (face: Readonly<Record<string, unknown>>): Surface => {
  const surface = { at: face, own: Object.create(null) as Record<string, unknown> }
  surfaces.set(face, surface)
  return surface
}
/** What the face has, where a function was replaced: methods only; an accessor is not touched. */
export const fillSurface = (face: Readonly<Record<string, unknown>>): void => {
  const { own } = surfaces.get(face) as { own: Record<string, unknown> }
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(face))) {
    if (typeof value === 'function') own[key] = value
  }
}
/** From now on programs hold `at` in the place of the face. */
export const moveSurface = (face: object, at: object): void => {
  const surface = surfaces.get(face)
  if (surface !== undefined) surface.at = at as Readonly<Record<string, unknown>>
}

/** `fs[name]` where a program has put a function of its own there. */
export const replaced = ({ surface: { at, own } }: View, name: string): Fn | undefined => {
  const fn = at[name]
  return fn === own[name] ? undefined : (fn as Fn)
}

/** `request`, or the program's own function in the place of `fs[name]`, called back. */
export function* byName<O extends Op>(
  v: View,
  name: string,
  args: readonly unknown[],
  request: Ask<O>,
): Steps<Reply<O>> {
  const fn = replaced(v, name)
  if (fn === undefined) return yield* request
  const answer = new Promise((resolve, reject) => {
    fn.call(v.surface.at, ...args, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)))
  })
  return (yield new Await(answer)) as Reply<O>
}
