/** link and rename: judged at both ends, and never a way to put a file under looser rules than it had. */
import { AROUND, type Around, attempt, type Context, type Extension, Failed, type Request } from '../../lib/layer.js'
import { CREATE, DELETE, READ, WRITE } from './decide.js'
import { annotateBoth, between } from './send.js'
import { find } from './straight.js'
import { FOLLOW, NAME, STAY, walk } from './walk.js'
import { isOnFd, type Warden } from './warden.js'

const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

/**
 * Sends both ends by their text alone, where what they need is allowed whatever is there; else they must be found.
 * @param trees what is at either end may be a directory, and come to stand at the other
 */
const bothByText = <O extends 'link' | 'rename'>(
  w: Warden,
  req: Request<O>,
  cx: Context,
  needs: number,
  newNeeds: number,
  trees: boolean,
) => {
  const { path, newPath } = req as Request<'link'>
  const rules = w.decider.for(cx.caller)
  const mask = rules.judgeText(path)
  const newMask = rules.judgeText(newPath)
  const dentry = w.guess(path, mask, needs, 0)
  const newDentry = w.guess(newPath, newMask, newNeeds, 0)
  if (dentry === undefined || newDentry === undefined) return AROUND
  if (!rules.isOneToAll(path, mask, newPath, newMask)) {
    if (rules.loosens(path, newPath, trees) || (trees && rules.loosens(newPath, path, true))) return AROUND
  }
  w.fast++
  return annotateBoth<O>(req, dentry, newDentry)
}

export const link = (w: Warden): Extension<'link'> => ({
  request(req, cx) {
    return isOnFd(req) ? AROUND : bothByText<'link'>(w, req, cx, READ, CREATE, false)
  },
  ...w.afterText('link'),
  *around(req, cx) {
    if (req.fd !== undefined) return yield* linkFile(w, req, req.fd, cx)
    const source = w.question('link', cx, req.path, STAY, READ)
    const from = yield* find(source, w)
    if (from instanceof Failed) return from
    const target = w.question('link', cx, req.newPath, NAME, CREATE)
    const to = yield* find(target, w)
    if (to instanceof Failed) return to
    if (source.rules.loosens(from.dentry.path, to.dentry.path, false)) return w.refuse(target, to.dentry.path)
    w.allow('link', cx.caller, req.newPath, to.dentry.path, CREATE)
    return yield* attempt('link', between<'link'>(req, from, to))
  },
})

/** A file without a name gets one: as if it were made there, and under no looser rules than where it was made. */
function* linkFile(w: Warden, { file, newPath }: Request<'link'>, fd: number, cx: Context): Around<'link'> {
  const target = w.question('link', cx, newPath, NAME, CREATE | WRITE)
  const to = yield* find(target, w)
  if (to instanceof Failed) return to
  const { dentry, path } = to
  if (file === undefined || target.rules.loosens(file.path, dentry.path, false)) return w.refuse(target, dentry.path)
  w.allow('link', cx.caller, newPath, dentry.path, CREATE)
  return yield* attempt('link', { path: '', dentry: undefined, fd, file, newPath: path, newDentry: dentry })
}

export const rename = (w: Warden): Extension<'rename'> => ({
  request(req, cx) {
    return bothByText<'rename'>(w, req, cx, DELETE | CREATE, DELETE | CREATE, true)
  },
  ...w.afterText('rename'),
  *around(req, cx) {
    const exchange = (req.flags & RENAME_EXCHANGE) !== 0
    const both = exchange ? DELETE | CREATE : 0
    const source = w.question('rename', cx, req.path, NAME, DELETE | both, 0, false, true)
    const { rules } = source
    const from = yield* find(source, w)
    if (from instanceof Failed) return from
    const target = w.question('rename', cx, req.newPath, NAME, both, CREATE | WRITE, false, true)
    const to = yield* find(target, w)
    if (to instanceof Failed) return to
    // A lower that promises nothing may rename what a link leads to (memfs does).
    if (from.dentry.isLink && w.site?.capabilities.noFollow !== true) {
      const led = yield* walk(w.question('rename', cx, req.path, FOLLOW, DELETE), w)
      if (led instanceof Failed && led === w.denied) return led
    }
    const refuse = (): Failed => w.refuse({ ...target, all: DELETE | CREATE, any: 0 }, to.dentry.path)
    const allowed = rules.judge(to.dentry.path)
    const mayReplace = (allowed & DELETE) !== 0
    if (to.dentry.exists ? !mayReplace : (allowed & CREATE) === 0) return refuse()
    const moved = from.dentry.path
    const onto = to.dentry.path
    if (rules.loosens(moved, onto, from.isDirectory)) return refuse()
    if (exchange && rules.loosens(onto, moved, to.isDirectory)) return refuse()
    let { flags } = req
    // Who may not delete must not replace what comes there in between.
    if (!exchange && !mayReplace && w.site?.capabilities.renameFlags === true) flags |= RENAME_NOREPLACE
    w.allow('rename', cx.caller, req.newPath, onto, CREATE)
    return yield* attempt('rename', { ...between<'rename'>(req, from, to), flags })
  },
})
