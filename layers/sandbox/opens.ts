/** open and create: what open(2) flags need, and who may open what. */
import {
  AROUND,
  attempt,
  type Extension,
  Failed,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
} from '../../lib/layer.js'
import { CREATE, READ, WRITE } from './decide.js'
import { annotate, at } from './send.js'
import { FOLLOW, type Mode, NAME, STAY, walk } from './walk.js'
import type { Warden } from './warden.js'

/** What open(2) flags need of a file that is there. */
const openNeeds = (flags: number): number => {
  const mode = flags & O_ACCMODE
  const own = mode === 0 ? READ : mode === O_WRONLY ? WRITE : READ | WRITE
  // O_TRUNC truncates with O_RDONLY too.
  return own | ((flags & O_TRUNC) !== 0 ? WRITE : 0) | ((flags & O_TMPFILE) !== 0 ? CREATE | WRITE : 0)
}
const openMode = (flags: number): Mode => {
  if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) return NAME
  return O_NOFOLLOW !== 0 && (flags & O_NOFOLLOW) !== 0 ? STAY : FOLLOW
}

export const open = (w: Warden): Extension<'open'> => ({
  request(req, cx) {
    const dentry = w.glance(req.path, openMode(req.flags) === FOLLOW, cx)
    const needs = openNeeds(req.flags)
    if (dentry === undefined) return w.byText<'open'>(req, req.path, cx, needs, 0)
    if ((w.decider.for(cx.caller).judgeDentry(dentry) & needs) !== needs) {
      return w.refuseAt('open', cx.caller, req.path, req.path, needs)
    }
    w.fast++
    w.allow('open', cx.caller, req.path, req.path, needs)
    return annotate<'open'>(req, dentry)
  },
  ...w.afterText('open'),
  *around(req, cx) {
    const needs = openNeeds(req.flags)
    const found = yield* walk(w.question('open', cx, req.path, openMode(req.flags), needs), w)
    if (found instanceof Failed) return found
    w.allow('open', cx.caller, req.path, found.dentry.path, needs)
    return yield* attempt('open', at<'open'>(req, found))
  },
})

/** open(2) with O_CREAT: who may not create may still open what is there. */
export const create = (w: Warden): Extension<'create'> => ({
  request(req, cx) {
    const dentry = w.glance(req.path, openMode(req.flags) === FOLLOW, cx)
    const needs = openNeeds(req.flags) | CREATE
    if (dentry === undefined) return w.byText<'create'>(req, req.path, cx, needs, 0)
    if ((w.decider.for(cx.caller).judgeDentry(dentry) & needs) !== needs) return AROUND
    w.fast++
    w.allow('create', cx.caller, req.path, req.path, needs)
    return annotate<'create'>(req, dentry)
  },
  ...w.afterText('create'),
  *around(req, cx) {
    const needs = openNeeds(req.flags)
    const q = w.question('create', cx, req.path, openMode(req.flags), needs)
    const found = yield* walk(q, w)
    if (found instanceof Failed) return found
    const { dentry } = found
    if ((q.rules.judge(dentry.path) & CREATE) !== 0) {
      w.allow('create', cx.caller, req.path, dentry.path, needs | CREATE)
      return yield* attempt('create', at<'create'>(req, found))
    }
    if ((req.flags & O_EXCL) !== 0) return w.refuseAt('create', cx.caller, req.path, dentry.path, needs | CREATE)
    const out = yield* attempt('open', { ...at<'create'>(req, found), flags: req.flags & ~O_CREAT })
    if (out instanceof Failed && out.errno === 'ENOENT') {
      return w.refuseAt('create', cx.caller, req.path, dentry.path, needs | CREATE)
    }
    w.allow('create', cx.caller, req.path, dentry.path, needs)
    return out
  },
})
