/**
 * The system calls that every request makes, with as little between as can be: a path is written into a block of memory
 * unit by unit, so that the bytes which the kernel sees are the ones that were checked here.
 */
import { constants } from 'node:os'
import { type Arg, offsetBy, sys } from '../../native/sys.js'
import type { Stats } from '../../op.js'
import { decodePath, pathBytes } from '../../path-bytes.js'
import { charCodeAt, slice } from '../../primordials.js'
import { fromStatx } from '../../stats.js'

const { EINVAL, ENAMETOOLONG } = constants.errno
const SLASH = 47
const BENEATH = -1

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
const O_CLOEXEC = 0o2000000
/** STATX_BASIC_STATS | STATX_BTIME: what libuv asks for. */
const STATX_ALL = 0x0fff
const STATX_NLINK = 0x0004

/** Where things are in the block. */
const PATH = 0
const HOW = 4096
const STATX = 4160
const EMPTY = 4480
const TEXT = 4608
const TEXT_SIZE = 4096
/** struct epoll_event: a word of events, and what they are about, which is not asked. */
const EVENTS = TEXT + TEXT_SIZE
/** struct statx, as the first one. */
const LINKS = EVENTS + 16
const SIZE = LINKS + 256

const EPOLL_CTL_ADD = 1
/** IN_DELETE, IN_MOVED_TO */
export const IN_REPLACED = 0x200 | 0x80
/** IN_CREATE, IN_MOVED_TO */
export const IN_NEW = 0x100 | 0x80
/** What an inotify descriptor tells: of a watched directory itself; that an entry of one was removed or replaced, or is new. */
export const OF_ITSELF = 1
export const OF_ENTRIES = 2
export const OF_NEW = 4
/** IN_NONBLOCK | IN_CLOEXEC */
const IN_FLAGS = 0o4000 | O_CLOEXEC

/** Each function answers a result that is not negative, or a negative errno. */
export interface Raw {
  /**
   * openat2(2) with O_CLOEXEC; `mode` must be 0 without O_CREAT or O_TMPFILE. Slashes that lead are left out of `path`: it
   * is beneath `dir`, and `/` is `dir` itself.
   */
  openat2(dir: number, path: string, flags: number, mode: number, resolve: number): number
  /** openat(2) of a name without a slash, with O_CLOEXEC. */
  openat(dir: number, name: string, flags: number, mode: number): number
  close(fd: number): number
  /** statx(2) of a name without a slash, or of `dir` itself for ''; never of what a link leads to. */
  statx(dir: number, name: string): number
  /** The mode that the last `statx` found. */
  mode(): number
  /** All that it found, as node:fs would say it; exactly, where that is asked for. */
  stats(precise: boolean): Stats
  /** readlinkat(2) of a name, or of the held link itself for ''. */
  readlinkat(dir: number, name: string): number
  /** The target that the last `readlinkat` of `length` bytes found: read it before the next call. */
  target(length: number): string
  /** faccessat2(2) of a name without a slash, or of what is held for '', with the real ids; not through a link: Linux 5.8. */
  access(dir: number, name: string, mask: number): number
  /** What the last `statx` found, apart from all else that is there at the time. */
  identity(): string
  /** The number of links of what is held; what `statx` found last stays to be had. */
  links(held: number): number
  /** fstatfs(2); `fd` may be an O_PATH descriptor. */
  fstatfs(fd: number): number
  /** The n-th word, of 64 bits, that the last `fstatfs` found: statfs(2) has their names. */
  statfs(n: number): number
  /** inotify_init1(2): a descriptor. */
  inotify(): number
  /** inotify_add_watch(2): the watch's own number, one for each inode. */
  watch(inotify: number, path: string, mask: number): number
  /** Reads all that an inotify descriptor has to tell: some of OF_ITSELF, OF_ENTRIES and OF_NEW, or 0. */
  drain(inotify: number): number
  /** epoll_create1(2): a descriptor. */
  epoll(): number
  /** epoll_ctl(2), to add `fd`; `events` as poll(2) has them. */
  listen(epoll: number, fd: number, events: number): number
  /** epoll_wait(2) without waiting: 0, or 1 where some of what it listens to has something to tell. */
  pending(epoll: number): number
  /** What that was: events, as poll(2) has them. */
  events(): number
}

const make = (): Raw | undefined => {
  const calls = sys()
  if (calls === undefined) return undefined
  const memory = new ArrayBuffer(SIZE)
  const bytes = new Uint8Array(memory)
  const words = new Uint32Array(memory)
  const halves = new Uint16Array(memory)
  const base = calls.address(memory)
  const address = (at: number): Arg => offsetBy(base, at)
  const path = address(PATH)
  const how = address(HOW)
  const statx = address(STATX)
  const empty = address(EMPTY)
  const text = address(TEXT)

  const openat2 = calls.of4('openat2')
  const openat = calls.of4('openat')
  const close = calls.of1('close')
  const statx5 = calls.of5('statx')
  const faccessat2 = calls.of4('faccessat2')
  const readlinkat = calls.of4('readlinkat')
  const fstatfs = calls.of2('fstatfs')
  const inotify = calls.of1('inotify_init1')
  const watch = calls.of3('inotify_add_watch')
  const read = calls.of3('read')
  const epoll = calls.of1('epoll_create1')
  const control = calls.of4('epoll_ctl')
  // Without a mask of signals, its size is not looked at.
  const wait = calls.of5('epoll_pwait')
  const events = address(EVENTS)
  const links = address(LINKS)

  /** What the block holds for a path, and under which rule it was let in. */
  let written: string | undefined
  let allowed = 0
  /** @param slash what a slash means: allowed (SLASH), refused as a NUL is (0), or allowed but left out where it leads (BENEATH) */
  const put = (name: string, slash: number): number => {
    // Programs ask several things about a path in a row.
    if (name === written && slash === allowed) return 0
    written = undefined
    const failed = write(name, slash)
    if (failed < 0) return failed
    written = name
    allowed = slash
    return 0
  }
  const write = (name: string, slash: number): number => {
    const { length } = name
    let from = 0
    if (slash === BENEATH) while (from < length && charCodeAt(name, from) === SLASH) from++
    if (length - from > 4095) return -ENAMETOOLONG
    if (from === length && from > 0) return putBytes('.', slash)
    for (let at = from; at < length; at++) {
      const unit = charCodeAt(name, at)
      if (unit > 127) return putBytes(from === 0 ? name : slice(name, from), slash)
      if (unit === 0 || (unit === SLASH && slash === 0)) return -EINVAL
      bytes[at - from] = unit
    }
    bytes[length - from] = 0
    return 0
  }
  const putBytes = (name: string, slash: number): number => {
    const raw = pathBytes(name)
    const { length } = raw
    if (length > 4095) return -ENAMETOOLONG
    for (let at = 0; at < length; at++) {
      const byte = raw[at] as number
      if (byte === 0 || (byte === SLASH && slash === 0)) return -EINVAL
      bytes[at] = byte
    }
    bytes[length] = 0
    return 0
  }
  const field = (at: number): number => words[(STATX + at) >> 2] as number
  return {
    openat2: (dir, name, flags, mode, resolve) => {
      const failed = put(name, BENEATH)
      if (failed < 0) return failed
      words[HOW >> 2] = flags | O_CLOEXEC
      words[(HOW + 8) >> 2] = mode
      words[(HOW + 16) >> 2] = resolve
      return openat2(dir, path, how, 24)
    },
    openat: (dir, name, flags, mode) => put(name, 0) || openat(dir, path, flags | O_CLOEXEC, mode),
    close,
    statx: (dir, name) =>
      name === ''
        ? statx5(dir, empty, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_ALL, statx)
        : put(name, 0) || statx5(dir, path, AT_SYMLINK_NOFOLLOW, STATX_ALL, statx),
    mode: () => halves[(STATX + 0x1c) >> 1] as number,
    stats: (precise) => fromStatx(words, STATX >> 2, precise),
    readlinkat: (dir, name) =>
      name === '' ? readlinkat(dir, empty, text, TEXT_SIZE) : put(name, 0) || readlinkat(dir, path, text, TEXT_SIZE),
    target: (length) => decodePath(bytes, TEXT, TEXT + length),
    access: (dir, name, mask) =>
      name === ''
        ? faccessat2(dir, empty, mask, AT_EMPTY_PATH)
        : put(name, 0) || faccessat2(dir, path, mask, AT_SYMLINK_NOFOLLOW),
    identity: () => `${field(0x88)} ${field(0x8c)} ${field(0x24)} ${field(0x20)}`,
    links: (held) => {
      const result = statx5(held, empty, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_NLINK, links)
      return result < 0 ? result : (words[(LINKS + 0x10) >> 2] as number)
    },
    fstatfs: (fd) => fstatfs(fd, text),
    statfs: (n) => (words[(TEXT + 8 * n) >> 2] as number) + (words[(TEXT + 8 * n + 4) >> 2] as number) * 2 ** 32,
    inotify: () => inotify(IN_FLAGS),
    watch: (fd, name, mask) => put(name, SLASH) || watch(fd, path, mask),
    drain: (fd) => {
      let told = 0
      for (;;) {
        const length = read(fd, text, TEXT_SIZE)
        if (length <= 0) return told
        // struct inotify_event { i32 wd; u32 mask, cookie, len; char name[len] }
        for (let at = TEXT; at < TEXT + length; ) {
          const size = words[(at + 12) >> 2] as number
          if (size === 0) told |= OF_ITSELF
          else {
            const mask = words[(at + 4) >> 2] as number
            if ((mask & IN_REPLACED) !== 0) told |= OF_ENTRIES
            if ((mask & IN_NEW) !== 0) told |= OF_NEW
          }
          at += 16 + size
        }
      }
    },
    epoll: () => epoll(O_CLOEXEC),
    listen: (fd, heard, wanted) => {
      words[EVENTS >> 2] = wanted
      return control(fd, EPOLL_CTL_ADD, heard, events)
    },
    pending: (fd) => wait(fd, events, 1, 0, 0),
    events: () => words[EVENTS >> 2] as number,
  }
}

let made: { readonly raw: Raw | undefined } | undefined

/** undefined without koffi, and on anything but Linux on x64 or arm64. One a thread. */
export const raw = (): Raw | undefined => {
  made ??= { raw: make() }
  return made.raw
}
