/** How reading moves access times on the host: by the options that its filesystems are mounted with. */
import type { AccessTimes } from '../../extension.js'
import { originalFs } from '../original-fs.js'

/**
 * Filesystems whose files Linux's touch_atime() keeps, so that the options of the mount say all there is to say. Network
 * filesystems, FUSE and overlays have rules of their own; btrfs shows devices that no mount has.
 */
const KEPT_BY_VFS = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'f2fs', 'tmpfs', 'ramfs', 'squashfs', 'erofs', 'iso9660'])
const MOUNTS = '/proc/self/mountinfo'
/** The table is read again when it is older: so late may a changed mount be noticed. */
const FRESH_MS = 1000

const RANK: { readonly [A in AccessTimes]: number } = { never: 0, relatime: 1, always: 2 }
const more = (a: AccessTimes, b: AccessTimes): AccessTimes => (RANK[a] >= RANK[b] ? a : b)

/** `st_dev` of "major:minor", as glibc's makedev() builds it. */
const deviceOf = (text: string): number => {
  const [major = 0, minor = 0] = text.split(':').map(Number)
  const high = Math.floor(major / 0x1000) * 2 ** 44 + Math.floor(minor / 0x100) * 2 ** 20
  return high + (major % 0x1000) * 0x100 + (minor % 0x100)
}

const ruleOf = (type: string, options: readonly string[], ofAll: readonly string[]): AccessTimes => {
  if (!KEPT_BY_VFS.has(type)) return 'always'
  if (options.includes('noatime') || options.includes('ro') || ofAll.includes('ro')) return 'never'
  return options.includes('relatime') ? 'relatime' : 'always'
}

/**
 * By device; of several mounts of one, the one that moves most.
 * @param text as /proc/self/mountinfo has it: proc_pid_mountinfo(5)
 */
export const accessTimesOf = (text: string): Map<number, AccessTimes> => {
  const rules = new Map<number, AccessTimes>()
  for (const line of text.split('\n')) {
    const cut = line.indexOf(' - ')
    if (cut === -1) continue
    const [, , device = '', , , options = ''] = line.slice(0, cut).split(' ')
    const [type = '', , ofAll = ''] = line.slice(cut + 3).split(' ')
    const dev = deviceOf(device)
    rules.set(dev, more(ruleOf(type, options.split(','), ofAll.split(',')), rules.get(dev) ?? 'never'))
  }
  return rules
}

let rules: ReadonlyMap<number, AccessTimes> = new Map()
let readAt = Number.NEGATIVE_INFINITY

/** `'always'` for a device that no mount has, and where there is no such table. */
export const hostAccessTimes = (dev: number): AccessTimes => {
  const now = performance.now()
  if (now - readAt > FRESH_MS) {
    readAt = now
    try {
      rules = accessTimesOf(originalFs.readFileSync(MOUNTS, 'utf8'))
    } catch {
      rules = new Map()
    }
  }
  return rules.get(dev) ?? 'always'
}
