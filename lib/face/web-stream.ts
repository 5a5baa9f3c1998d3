/** The web stream of a FileHandle. */
import { ReadableStream } from 'node:stream/web'

interface Reader {
  read(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesRead: number }>
}

/** Bytes read in one go: what Node itself reads for each kind. */
const CHUNK = 65536
const BYOB_CHUNK = 16384

/**
 * @param bytes a byte stream; else one of ArrayBuffers (Node 20)
 * @param ended called once: at the file's end, or when the stream is cancelled
 * @returns the stream, and what ends it when its handle closes, also while somebody reads it
 */
export const webStream = (
  file: Reader,
  bytes: boolean,
  ended: () => Promise<void>,
): { stream: ReadableStream; end: () => void } => {
  let over = false
  let close = (): void => {}
  const end = async (): Promise<void> => {
    if (over) return
    over = true
    await ended()
  }
  const byteSource = {
    type: 'bytes' as const,
    autoAllocateChunkSize: BYOB_CHUNK,
    start: (controller: ReadableByteStreamController): void => {
      close = () => {
        controller.close()
        controller.byobRequest?.respond(0)
      }
    },
    pull: async (controller: ReadableByteStreamController): Promise<void> => {
      const view = controller.byobRequest?.view as Uint8Array
      const { bytesRead } = await file.read(view, 0, view.byteLength)
      if (over) return
      if (bytesRead === 0) {
        controller.close()
        await end()
      }
      controller.byobRequest?.respond(bytesRead)
    },
    cancel: end,
  }
  const chunkSource = {
    start: (controller: ReadableStreamDefaultController<ArrayBuffer>): void => {
      close = () => controller.close()
    },
    pull: async (controller: ReadableStreamDefaultController<ArrayBuffer>): Promise<void> => {
      const chunk = new Uint8Array(CHUNK)
      const { bytesRead } = await file.read(chunk, 0, CHUNK)
      if (over) return
      if (bytesRead === 0) {
        controller.close()
        await end()
      } else controller.enqueue(chunk.buffer.slice(0, bytesRead))
    },
    cancel: end,
  }
  const stream = bytes ? new ReadableStream(byteSource) : new ReadableStream<ArrayBuffer>(chunkSource)
  return {
    stream,
    end: () => {
      if (over) return
      close()
      void end()
    },
  }
}
