/**
 * Sends notifications: from a thread that owes no reply, so that no lock can be waited for in a circle. What a notification
 * waits for (a directory's lock, a page) may be held by whoever waits for the serving thread.
 */
import { write } from 'node:fs'
import { FUSE_ROOT_ID } from './abi.js'
import { encodeIncEpoch, encodeInvalInode } from './notify.js'
import { Wire } from './wire.js'

/** The kernel did not know it; it is in use, and told so by what is sent next; the mount has ended. */
const HARMLESS = new Set(['ENOENT', 'ENOTEMPTY', 'EBUSY', 'ENOTDIR', 'ENODEV', 'ENOTCONN', 'ECONNABORTED', 'EPERM'])

/** In libuv's pool: neither this thread nor the serving one waits for it. */
export const push = (device: number, message: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    write(device, message, 0, message.length, null, (error) => {
      if (error === null || HARMLESS.has(error.code ?? '')) resolve()
      else reject(error)
    })
  })

const message = (encode: (out: Wire) => number): Uint8Array => {
  const out = new Wire(Buffer.alloc(64))
  return out.bytes.subarray(0, encode(out))
}

/**
 * Every name is looked up anew before it is used again, which brings its attributes along, and with them what hangs on
 * these: listings and pages. @throws {Error} EINVAL before Linux 6.16
 */
export const pushAll = async (device: number): Promise<void> => {
  await push(device, message(encodeIncEpoch))
  await push(
    device,
    message((out) => encodeInvalInode(out, FUSE_ROOT_ID, -1, 0)),
  )
}
