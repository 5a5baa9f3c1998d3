// Ways out by the text of a path, and for each the same way to something that is allowed.
import { pathToFileURL } from 'node:url'
import type { Ground } from './ground.js'

export interface Attack {
  readonly what: string
  readonly path: string
  /** The same way, to what is inside. */
  readonly control: string
  /** It ends at something inside, and may be told so. */
  readonly endsInside?: true
  /** Node's realpath takes `..` away before it asks anybody: then it ends inside. */
  readonly toRealpath?: true
}

/** To a file. */
export const toFiles = ({ root, outside, rawRoot }: Ground): readonly Attack[] => [
  { what: 'by its name', path: `${outside}/file`, control: `${root}/file` },
  { what: 'missing, by its name', path: `${outside}/nothing`, control: `${root}/file` },
  { what: 'beneath a missing directory', path: `${outside}/nothing/at/all`, control: `${root}/file` },
  {
    what: 'dots from the root',
    path: `${root}/../outside/file`,
    control: root === '' ? '/../file' : `${root}/../root/file`,
  },
  { what: 'dots from a directory', path: `${root}/dir/../../outside/file`, control: `${root}/dir/../file` },
  {
    what: 'dots past a file',
    path: `${root}/file/../../outside/file`,
    control: `${root}/dir/./../file`,
    endsInside: true,
  },
  { what: 'slashes and dots', path: `${root}//.//..//.//outside///file`, control: `${root}//.//dir//..//file` },
  { what: 'many dots', path: `${root}${'/..'.repeat(40)}${outside}/file`, control: `${root}/dir/sub/../../file` },
  { what: 'a name that begins alike', path: `${rawRoot}-sibling/file`, control: `${root}/file` },
  { what: 'an absolute link', path: `${root}/abs-file`, control: `${root}/in-file` },
  { what: 'a relative link', path: `${root}/rel-file`, control: `${root}/in-file` },
  { what: 'an absolute link on the way', path: `${root}/abs-dir/file`, control: `${root}/in-dir/inner` },
  { what: 'a relative link on the way', path: `${root}/rel-dir/file`, control: `${root}/in-dir/inner` },
  { what: 'a link in a directory', path: `${root}/deep/up/dir/inner`, control: `${root}/in-dir/sub/../inner` },
  { what: 'a chain of links', path: `${root}/chain1/file`, control: `${root}/in-dir/inner` },
  { what: 'links outside, by a link', path: `${root}/rel-dir/link`, control: `${root}/in-file` },
  {
    what: 'out and back',
    path: `${root}/rel-dir/../outside/file`,
    control: `${root}/in-dir/../file`,
    toRealpath: true,
  },
  { what: 'dots after a link', path: `${root}/in-dir/../../outside/file`, control: `${root}/in-dir/../file` },
  { what: 'a dangling link', path: `${root}/abs-new`, control: `${root}/file` },
  { what: 'a relative dangling link', path: `${root}/rel-new`, control: `${root}/file` },
  { what: 'through /proc', path: `/proc/self/root${outside}/file`, control: `${root}/file` },
  { what: 'a link through /proc', path: `${root}/proc-root/file`, control: `${root}/in-dir/inner` },
  { what: 'percent signs', path: `${root}/%2e%2e/outside/file`, control: `${root}/file`, endsInside: true },
  { what: 'backslashes', path: `${root}\\..\\outside\\file`, control: `${root}/file` },
]

/** To a directory. */
export const toDirectories = ({ root, outside }: Ground): readonly Attack[] => [
  { what: 'by its name', path: outside, control: `${root}/dir` },
  { what: 'with a slash', path: `${outside}/`, control: `${root}/dir/` },
  { what: 'dots', path: `${root}/../outside`, control: `${root}/dir/../dir` },
  { what: 'an absolute link', path: `${root}/abs-dir`, control: `${root}/in-dir` },
  { what: 'a link with a slash', path: `${root}/rel-dir/`, control: `${root}/in-dir/` },
  { what: 'a link with a dot', path: `${root}/rel-dir/.`, control: `${root}/in-dir/.` },
  { what: 'a chain of links', path: `${root}/chain1`, control: `${root}/in-dir` },
  { what: 'a directory behind a link', path: `${root}/rel-dir/dir`, control: `${root}/in-dir/sub` },
]

/** The forms in which node:fs takes a path. */
export const forms: Readonly<Record<string, (path: string) => unknown>> = {
  string: (path) => path,
  buffer: (path) => Buffer.from(path),
  bytes: (path) => new Uint8Array(Buffer.from(path)),
  url: (path) => pathToFileURL(path),
}
