/** The kernel's end of a session: fusectl, by the minor number of the mount's device. */
import { existsSync, writeFileSync } from 'node:fs'
import { MNT_DETACH, type Native } from '../native/index.js'

const CONNECTIONS = '/sys/fs/fuse/connections'

/** Ends a session that has no place in the tree any more. @param device `major:minor` of its mount */
export const abortConnection = (sys: Native, device: string): void => {
  const file = `${CONNECTIONS}/${device.slice(device.indexOf(':') + 1)}/abort`
  const own = !existsSync(file) && sys.mount('none', CONNECTIONS, 'fusectl', 0, '') === 0
  try {
    if (existsSync(file)) writeFileSync(file, '1')
  } finally {
    if (own) sys.umount2(CONNECTIONS, MNT_DETACH)
  }
}
