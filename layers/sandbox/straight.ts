/**
 * Paths that are spelled canonically, over a lower that refuses links: one look-up of the whole path says whether it means
 * what it says, where a walk asks about each name. Nothing is asked that the policy has not let, names on the way included:
 * what may be used has only names above it that lead to it.
 */
import { attempt, type Call, Failed, hardened, type Op, type Reply, S_IFDIR, S_IFLNK, S_IFMT } from '../../lib/layer.js'
import { PLAIN } from './decide.js'
import { about, FOLLOW, type Place, parentOf, place, type Question, satisfies, type Warden, walk } from './walk.js'

type Steps<T> = Generator<Call<Op>, T, Reply<Op> | Failed>
export type Found = Steps<Place | Failed>

/** What `walk` finds, found by the path's text where that will do. For requests that were not sent by their text before. */
export function* find(q: Question, warden: Warden): Found {
  const found = yield* straight(q, warden)
  return found === undefined ? yield* walk(q, warden) : found
}

/** undefined where a link may be in the way, or what is there is not told by one answer. */
function* straight(q: Question, warden: Warden): Steps<Place | Failed | undefined> {
  if (!warden.enforced) return undefined
  const { path } = q
  const judged = q.rules.judgeText(path)
  const mask = judged & ~PLAIN
  if (mask === judged || mask === 0 || !satisfies(q, mask, true)) return undefined
  const out = yield* attempt('lookup', about(path))
  if (out instanceof Failed) {
    if (out.errno !== 'ENOENT' || !satisfies(q, mask, false)) return undefined
    // The last name, or one on the way?
    const above = parentOf(path)
    if (above !== '') {
      const dir = yield* attempt('lookup', about(above))
      if (dir instanceof Failed || (dir.mode & S_IFMT) !== S_IFDIR) return undefined
    }
    return place(path, false, false, undefined, '')
  }
  const type = out.mode & S_IFMT
  if (type === S_IFLNK && (q.mode === FOLLOW || warden.noLinks)) return undefined
  return satisfies(q, mask, type === S_IFDIR) ? place(path, true, type === S_IFLNK, out, '') : warden.refuse(q, path)
}
hardened(find)
hardened(straight)
