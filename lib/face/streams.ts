/**
 * ReadStream and WriteStream of a face: Node's own, with the face in the place of node:fs.
 *
 * They have Node's methods but not its prototype: from a stream, neither its constructor nor its prototypes lead to a
 * class that would open a file on node:fs itself. So `stream instanceof fs.ReadStream` holds where `fs` is the face.
 */
import type * as NodeFs from 'node:fs'
import { originalFs } from '../lower/original-fs.js'
import { construct, SafeWeakMap } from '../primordials.js'
import type { StreamMakers } from './file-handle.js'
import { beReadStream, beWriteStream } from './stream-state.js'
import type { View } from './view.js'

type StreamFunction = new (path: unknown, options?: unknown) => NodeJS.EventEmitter & { close(): void }

const made = new SafeWeakMap<View, StreamMakers>()

/** What a class of Node's is made of, but the class itself: taken when nobody can look on. */
const shapeOf = (Original: { readonly name: string; readonly prototype: object }) => {
  const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(Original.prototype) as PropertyDescriptorMap
  return {
    name: Original.name,
    methods,
    parent: Object.getPrototypeOf(Original.prototype) as object,
    statics: Object.getPrototypeOf(Original) as object,
  }
}
type Shape = ReturnType<typeof shapeOf>
const readShape = shapeOf(originalFs.ReadStream)
const writeShape = shapeOf(originalFs.WriteStream)

/** `made` with the methods of `shape`. */
const shaped = (made: { prototype: object }, { name, methods, parent, statics }: Shape, enumerable: boolean): void => {
  made.prototype = Object.create(parent, {
    ...methods,
    constructor: { value: made, writable: true, configurable: true, enumerable },
  })
  Object.setPrototypeOf(made, statics)
  Object.defineProperty(made, 'name', { value: name, configurable: true })
}

/** The stream classes of a face. */
export const streamsOf = (v: View): StreamMakers => {
  let classes = made.get(v)
  if (classes === undefined) {
    classes = {
      ReadStream: over(v, readShape, beReadStream) as never,
      WriteStream: over(v, writeShape, beWriteStream) as never,
    }
    made.set(v, classes)
  }
  return classes
}

/** Callable without `new`, and upon an object of a subclass, as Node's is. */
const over = (v: View, shape: Shape, be: typeof beReadStream): StreamFunction => {
  function Stream(this: never, path: unknown, options: unknown): object {
    if (!((this as object) instanceof Stream)) return new (Stream as unknown as StreamFunction)(path, options)
    be(v, this, path, options)
    return this
  }
  shaped(Stream, shape, true)
  return Stream as unknown as StreamFunction
}

type Utf8StreamOptions = { fs?: object } & Record<string, unknown>
type Utf8StreamClass = new (options?: Utf8StreamOptions) => object

const { Utf8Stream: OriginalUtf8Stream } = originalFs as typeof NodeFs & { Utf8Stream?: Utf8StreamClass }
const utf8Shape = OriginalUtf8Stream && shapeOf(OriginalUtf8Stream)

/** Utf8Stream (Node 24) of a face; undefined where Node has none. */
export const utf8StreamOf = (v: View): Utf8StreamClass | undefined => {
  if (OriginalUtf8Stream === undefined || utf8Shape === undefined) return undefined
  // A class with private fields: made by Node, with a prototype from the first that does not lead back to it.
  function Utf8Stream(options?: Utf8StreamOptions): object {
    if (new.target === undefined) throw new TypeError("Class constructor Utf8Stream cannot be invoked without 'new'")
    const given = { ...options, fs: options?.fs ?? v.surface.at }
    return construct(OriginalUtf8Stream as Utf8StreamClass, [given], new.target) as object
  }
  shaped(Utf8Stream, utf8Shape, false)
  return Utf8Stream as unknown as Utf8StreamClass
}
