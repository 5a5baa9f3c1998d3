/** Makes the kernel forget what it keeps: from a thread that owes no reply, so that no lock can be waited for in a circle. */
import { write } from 'node:fs'
import { FUSE_ROOT_ID } from './abi.js'
import { encodeIncEpoch, encodeInvalInode } from './notify.js'
import { Wire } from './wire.js'

const send = (device: number, message: Wire, length: number): Promise<void> =>
  new Promise((resolve, reject) => {
    // In libuv's pool: neither this thread nor the serving one waits for it.
    write(device, message.bytes, 0, length, null, (error) => {
      // The kernel did not know it, or the mount has ended.
      if (error === null || error.code === 'ENOENT' || error.code === 'ENODEV') resolve()
      else reject(error)
    })
  })

/**
 * Every name is looked up anew before it is used again, which brings its attributes along, and with them what hangs on
 * these: listings and pages. @throws {Error} EINVAL before Linux 6.16
 */
export const invalidateAll = async (device: number): Promise<void> => {
  const epoch = new Wire(Buffer.alloc(64))
  await send(device, epoch, encodeIncEpoch(epoch))
  const root = new Wire(Buffer.alloc(64))
  await send(device, root, encodeInvalInode(root, FUSE_ROOT_ID, -1, 0))
}
