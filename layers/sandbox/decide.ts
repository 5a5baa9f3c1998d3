/** What a policy says about a canonical path: a pure function, and so remembered. */
import { append, type Caller, type Dentry, uncurryThis } from '../../lib/layer.js'
import { Heads } from './heads.js'
import { Note, Notes } from './notes.js'
import { type Pattern, patternOf, Tree } from './pattern.js'
import { type Action, actionNames, type CallerRule, type Policy } from './policy.js'

export const READ = 1
export const LIST = 2
export const STAT = 4
export const WRITE = 8
export const CREATE = 16
export const DELETE = 32
export const EXEC = 64
export const ALL = 127
/** Nothing is allowed on the path itself, or not everything, but something beneath it may be. */
export const LEADS = 128
/** It is spelled as canonical paths are: see `isPlain`. */
export const PLAIN = 256

const Bytes = Uint8Array
const lastIndexOf = uncurryThis(String.prototype.lastIndexOf as (this: string, part: string) => number)
const slice = uncurryThis(String.prototype.slice as (this: string, from: number, to: number) => string)
const charCodeAt = uncurryThis(String.prototype.charCodeAt)
const SLASH = 47
const DOT = 46
/** Whether `path` is spelled as a canonical one is: names and single slashes only. What stands there may still be a link. */
const isPlain = (path: string): boolean => {
  if (charCodeAt(path, 0) !== SLASH) return false
  for (let at = 0; at < path.length; at++) {
    if (charCodeAt(path, at) !== SLASH) continue
    // An empty name, `.` or `..`.
    let end = at + 1
    if (charCodeAt(path, end) === DOT) end++
    if (charCodeAt(path, end) === DOT && end === at + 2) end++
    if (end === path.length || charCodeAt(path, end) === SLASH) return false
  }
  return true
}

/** What goes with a file wherever it is moved. */
const CONTENT = READ | LIST | STAT | WRITE | EXEC

const bitOf = (name: Action | '*'): number => (name === '*' ? ALL : 1 << actionNames.indexOf(name))
export const actionsOf = (mask: number): Action[] => actionNames.filter((_name, k) => (mask & (1 << k)) !== 0)

interface Rule {
  /** Its place in the policy; -1 is the policy's `root`. */
  readonly index: number
  readonly allows: boolean
  readonly mask: number
  readonly patterns: readonly Pattern[]
  readonly callers: CallerRule | undefined
}

interface Line {
  readonly rule: Rule
  readonly pattern: Pattern
}

/** So many comparisons of a path cost less than to look it up, and far less than to keep it. */
const FEW_TREES = 8

/** The rules that hold for one caller. */
export class Ruleset {
  /** Only a memo: an entry is believed where it says itself what it is about. */
  readonly #kept: Notes | undefined
  readonly #rules: readonly Rule[]
  /** Every pattern of every rule. */
  readonly #lines: Line[] = []
  readonly #heads: Heads
  readonly #default: number
  readonly #root: Tree | undefined
  /** The path that was judged last, and how. */
  #path: string | undefined
  #mask = 0
  #note: Note | undefined
  /** The directory that `#varyIn` was asked about last, and what it said. */
  #above: string | undefined
  #varying: readonly Rule[] | undefined

  constructor(rules: readonly Rule[], fallback: number, root: Tree | undefined) {
    this.#rules = rules
    this.#default = fallback
    this.#root = root
    const heads: string[] = []
    let areTrees = true
    for (let k = 0; k < rules.length; k++) {
      const rule = rules[k] as Rule
      for (let n = 0; n < rule.patterns.length; n++) {
        const pattern = rule.patterns[n] as Pattern
        append(this.#lines, { rule, pattern })
        append(heads, pattern.head)
        areTrees &&= pattern instanceof Tree
      }
    }
    this.#heads = new Heads(heads)
    this.#kept = areTrees && heads.length <= FEW_TREES ? undefined : new Notes()
  }

  /** The actions that are allowed on `path`, and LEADS. */
  judge(path: string): number {
    return this.#kept === undefined ? this.#say(path) : this.judgeText(path) & ~PLAIN
  }

  /** The same, not remembered. */
  judgeOnce(path: string): number {
    return this.#say(path)
  }

  /** The same, and PLAIN. */
  judgeText(path: string): number {
    if (this.#kept === undefined) return this.#look(path)
    // Programs ask several things about a path in a row.
    if (path === this.#path) return this.#mask
    let note = this.#kept.find(path)
    let mask = Note.read(note, this, path)
    if (note === undefined || mask === -1) {
      mask = this.#look(path)
      note = new Note(this, path, mask)
      this.#kept.keep(path, note)
    }
    this.#path = path
    this.#mask = mask
    this.#note = note
    return mask
  }
  /** Whether a link's text was found to be one that may be shown, where `path` is the one that was judged last. */
  shows(path: string, target: string): boolean {
    return path === this.#path && this.#note !== undefined && Note.shows(this.#note, target)
  }
  show(path: string, target: string): void {
    this.judgeText(path)
    if (this.#note !== undefined) Note.show(this.#note, target)
  }
  #look(path: string): number {
    return this.#say(path) | (isPlain(path) ? PLAIN : 0)
  }
  #say(path: string): number {
    const met = this.#heads.meet(path)
    return this.#allowed(path, met) | (this.#leads(path, met) ? LEADS : 0)
  }

  /** The same, remembered beside the dentry for as long as somebody keeps that. */
  judgeDentry(dentry: Dentry): number {
    const { path } = dentry
    const kept = Note.read(dentry.security, this, path)
    if (kept !== -1) return kept
    const mask = this.judge(path)
    dentry.security = new Note(this, path, mask)
    return mask
  }

  /** @param met how many patterns the heads have found for `path` */
  #allowed(path: string, met: number): number {
    if (this.#root !== undefined && !this.#root.matches(path)) return 0
    const found = this.#heads.met
    let allowed = 0
    let open = ALL
    for (let k = met - 1; k >= 0 && open !== 0; k--) {
      const code = found[k] as number
      if ((code & 1) === 0) continue
      const { rule, pattern } = this.#lines[code >> 1] as Line
      if ((rule.mask & open) === 0 || !pattern.matchesHere(path)) continue
      if (rule.allows) allowed |= rule.mask & open
      open &= ~rule.mask
    }
    return allowed | (open & this.#default)
  }

  /** Whether something beneath `path` may be allowed. */
  #leads(path: string, met: number): boolean {
    if (this.#root !== undefined && !this.#root.leads(path)) return false
    const found = this.#heads.met
    let open = ALL
    for (let k = met - 1; k >= 0; k--) {
      const code = found[k] as number
      const isHere = (code & 1) !== 0
      const { rule, pattern } = this.#lines[code >> 1] as Line
      if ((rule.mask & open) === 0) continue
      if (rule.allows && (!isHere || pattern.leadsHere(path))) return true
      if (isHere && pattern.coversHere(path)) open &= ~rule.mask
      if (open === 0) return false
    }
    return (open & this.#default) !== 0
  }

  /** The rule of the policy that decides `action` on `path`: its index; undefined where the default does. */
  ruleFor(path: string, action: number): number | undefined {
    for (let k = this.#rules.length - 1; k >= 0; k--) {
      const rule = this.#rules[k] as Rule
      if ((rule.mask & action) !== 0 && matches(rule, path)) return rule.index
    }
    return undefined
  }

  /**
   * Whether two names are in one directory and every rule says the same of them, and of what may be beneath them: then
   * neither is looser than the other. False where that takes more to find out.
   * @param mask what is allowed on `path`, as `judge` says
   */
  isOneToAll(path: string, mask: number, newPath: string, newMask: number): boolean {
    if (((mask ^ newMask) & CONTENT) !== 0) return false
    const end = lastIndexOf(path, '/')
    if (end !== lastIndexOf(newPath, '/')) return false
    const above = slice(path, 0, end)
    if (above !== slice(newPath, 0, end)) return false
    const varying = above === this.#above ? this.#varying : this.#varyIn(above)
    if (varying === undefined) return false
    for (let k = 0; k < varying.length; k++) if (!floats(varying[k] as Rule, path, newPath)) return false
    return true
  }
  /** The rules that may tell names in a directory apart; undefined where the policy's root does. */
  #varyIn(above: string): readonly Rule[] | undefined {
    const directory = above === '' ? '/' : above
    this.#above = above
    this.#varying = undefined
    if (this.#root !== undefined && !this.#root.covers(directory)) return undefined
    const varying: Rule[] = []
    for (let k = 0; k < this.#rules.length; k++) {
      const rule = this.#rules[k] as Rule
      if (variesBeneath(rule, directory)) append(varying, rule)
    }
    this.#varying = varying
    return varying
  }

  /**
   * Whether something would be allowed at `to` that was not at `from`: on the file itself or, for a directory, perhaps
   * on something in it. Creating and deleting belong to names, not to files, and do not count for the file itself.
   */
  loosens(from: string, to: string, isDirectory: boolean): boolean {
    if ((this.judge(to) & ~this.judge(from) & CONTENT) !== 0) return true
    if (!isDirectory || from === to) return false
    const root = this.#root
    if (root !== undefined && !root.covers(from)) return root.leads(to)
    // Bytes: no setter of a prototype can come between.
    const fromFixed = new Bytes(this.#rules.length)
    const toFixed = new Bytes(this.#rules.length)
    // Rules that match the same names in both places, by their indexes; -1: none of them matches.
    const floating = [-1]
    for (let k = 0; k < this.#rules.length; k++) {
      const rule = this.#rules[k] as Rule
      fromFixed[k] = covers(rule, from) ? 1 : 0
      toFixed[k] = covers(rule, to) ? 1 : 0
      if (fromFixed[k] === 1 && toFixed[k] === 1) continue
      if (!variesBeneath(rule, from) && !variesBeneath(rule, to)) continue
      if (!floats(rule, from, to)) return true
      append(floating, k)
    }
    for (let at = 0; at < floating.length; at++) {
      const k = floating[at] as number
      if ((this.#beneath(toFixed, k) & ~this.#beneath(fromFixed, k)) !== 0) return true
    }
    return false
  }

  /** What is allowed on a name that the rules in `fixed` match, and the one with index `also`. */
  #beneath(fixed: Uint8Array, also: number): number {
    let allowed = 0
    let open = ALL
    for (let k = this.#rules.length - 1; k >= 0; k--) {
      if (fixed[k] !== 1 && k !== also) continue
      const rule = this.#rules[k] as Rule
      if (rule.allows) allowed |= rule.mask & open
      open &= ~rule.mask
    }
    return allowed | (open & this.#default)
  }
}

const matches = ({ patterns }: Rule, path: string): boolean => {
  for (let k = 0; k < patterns.length; k++) if ((patterns[k] as Pattern).matches(path)) return true
  return false
}
const leads = ({ patterns }: Rule, path: string): boolean => {
  for (let k = 0; k < patterns.length; k++) if ((patterns[k] as Pattern).leads(path)) return true
  return false
}
const covers = ({ patterns }: Rule, path: string): boolean => {
  for (let k = 0; k < patterns.length; k++) if ((patterns[k] as Pattern).covers(path)) return true
  return false
}
/** Whether it matches some names beneath `path`, and perhaps not others. */
const variesBeneath = (rule: Rule, path: string): boolean => !covers(rule, path) && leads(rule, path)
/** Whether it matches the same names beneath `from` and beneath `to`. */
const floats = ({ patterns }: Rule, from: string, to: string): boolean => {
  for (let k = 0; k < patterns.length; k++) {
    const pattern = patterns[k] as Pattern
    const always = pattern.covers(from)
    if (always !== pattern.covers(to)) return false
    if (!pattern.floating && !always && (pattern.leads(from) || pattern.leads(to))) return false
  }
  return true
}

const { isArray } = Array
const among = <A>(wanted: A | readonly A[] | undefined, is: A | undefined): boolean => {
  if (wanted === undefined || wanted === is) return true
  if (!isArray(wanted)) return false
  for (let k = 0; k < wanted.length; k++) if (wanted[k] === is) return true
  return false
}
const isAbout = ({ callers }: Rule, { uid, gid, name }: Caller): boolean =>
  callers === undefined || (among(callers.uid, uid) && among(callers.gid, gid) && among(callers.name, name))

const KEPT_CALLERS = 64
// No Map: what a patched `Map.prototype.get` gave could not be told from another caller's rules.
const noSets = (): Record<string, Ruleset | undefined> => Object.create(null) as Record<string, Ruleset | undefined>

/** A policy, ready to judge: one set of rules for each kind of caller. */
export class Decider {
  readonly #rules: readonly Rule[]
  readonly #default: number
  readonly #root: Tree | undefined
  readonly #aboutCallers: boolean
  readonly #everybody: Ruleset
  #sets = noSets()
  #count = 0
  #last:
    | { readonly uid: number; readonly gid: number; readonly name: string | undefined; readonly set: Ruleset }
    | undefined

  constructor(policy: Policy) {
    const rules: Rule[] = []
    if (policy.root !== undefined) {
      const root = policy.root.length > 1 && policy.root.endsWith('/') ? policy.root.slice(0, -1) : policy.root
      this.#root = new Tree(root, true)
      const itself = new Tree(root, false)
      rules.push({ index: -1, allows: true, mask: ALL, patterns: [this.#root], callers: undefined })
      // Its name is an entry of a directory outside.
      rules.push({ index: -1, allows: false, mask: DELETE, patterns: [itself], callers: undefined })
    }
    policy.rules?.forEach(({ allow, deny, paths, callers }, index) => {
      const mask = (allow ?? deny ?? []).reduce((bits, action) => bits | bitOf(action), 0)
      rules.push({ index, allows: allow !== undefined, mask, patterns: paths.map(patternOf), callers })
    })
    this.#rules = rules
    this.#default = policy.default === 'allow' ? ALL : 0
    this.#aboutCallers = rules.some((rule) => rule.callers !== undefined)
    this.#everybody = new Ruleset(rules, this.#default, this.#root)
  }

  /** The rules that hold for `caller`. */
  for(caller: Caller): Ruleset {
    if (!this.#aboutCallers) return this.#everybody
    const { uid, gid, name } = caller
    const last = this.#last
    if (last !== undefined && last.uid === uid && last.gid === gid && last.name === name) return last.set
    const rules: Rule[] = []
    let key = ''
    for (let k = 0; k < this.#rules.length; k++) {
      const rule = this.#rules[k] as Rule
      if (!isAbout(rule, caller)) continue
      append(rules, rule)
      key += `${k} `
    }
    let set = this.#sets[key]
    if (set === undefined) {
      set = new Ruleset(rules, this.#default, this.#root)
      if (this.#count++ >= KEPT_CALLERS) {
        this.#sets = noSets()
        this.#count = 1
      }
      this.#sets[key] = set
    }
    this.#last = { uid, gid, name, set }
    return set
  }
}
