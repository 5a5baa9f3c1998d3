// Attacks × methods × conventions × forms of a path, over one ground.
import * as nodeFs from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { PlyFs } from '../../../lib/index.js'
import { type Attack, forms, toDirectories, toFiles } from './attacks.js'
import { conventions, type Door, doors } from './doors.js'
import { type Ground, grounds } from './ground.js'
import { closed, leaks, outcomeOf } from './verdict.js'

/** Errors that node:fs makes of arguments, before anything is asked. */
const isOfArguments = (code: string | undefined): boolean =>
  code !== undefined && /^ERR_(INVALID|OUT_OF_RANGE|FS_CP|METHOD|FEATURE)/.test(code)

const openDescriptors = (): number => nodeFs.readdirSync('/proc/self/fd').length

/** Whether the attack's path names something inside as it stands: a link there, or a strange name. */
const namesInside = ({ root }: Ground, path: string): boolean => {
  const parent = path.slice(0, path.replace(/\/+$/, '').lastIndexOf('/'))
  return parent === root || parent === `${root}/deep` || parent === `${root}/outside`
}

const attacksOn = (ground: Ground, door: Door): readonly Attack[] => {
  const attacks = door.on === 'directory' || door.on === 'empty' ? toDirectories(ground) : toFiles(ground)
  const fresh = (path: string): string => `${path}-new`
  return door.on === 'new'
    ? attacks.flatMap((a) => [a, { ...a, path: fresh(a.path), control: fresh(a.control) }])
    : attacks
}

/** What the door may be used on, by the same kind of way. */
const controlOf = (ground: Ground, door: Door, { control }: Attack): string => {
  if (door.on === 'link') return `${ground.root}/in-file`
  if (door.on === 'empty') return `${ground.root}/empty`
  // Through a link, Node removes what is in the directory, and says ENOTDIR of the link; or not, by the convention.
  return door.name === 'rm recursive' ? control.replace(/\/\.?$/, '') : control
}

const formNames = Object.keys(forms) as (keyof typeof forms)[]
let turn = 0
/** One form of a path after the other, from attack to attack; with PLYFS_HOSTILE=all, as CI has it, each of them. */
const formsOf = (): readonly (keyof typeof forms)[] =>
  process.env.PLYFS_HOSTILE === 'all' ? formNames : [formNames[turn++ % formNames.length] as keyof typeof forms]

/** What happened where nothing should have. */
const wrongs = async (
  ground: Ground,
  door: Door,
  attack: Attack,
  convention: (typeof conventions)[number],
  form: keyof typeof forms,
  before: string,
): Promise<string[] | undefined> => {
  const inside = (name: string): string => `${ground.root}/${name}`
  const given = (forms[form] as (path: string) => unknown)(attack.path)
  const running = door.run(ground.fs, convention, given, inside)
  if (running === undefined) return undefined
  const outcome = await outcomeOf(() => running)
  // A URL has no dots in it any more.
  const asked = given instanceof URL ? fileURLToPath(given) : attack.path
  const found = leaks(ground, asked, outcome)
  found.push(...(await closed(ground, door.name.startsWith('open'), outcome)))
  const { error, value } = outcome
  const { code } = error ?? {}
  const inner =
    ground.root === '' ||
    attack.endsInside === true ||
    (attack.toRealpath === true && door.name === 'realpath') ||
    namesInside(ground, asked)
  if (error === undefined) {
    const nothing = value === undefined || value === false || (Array.isArray(value) && value.length === 0)
    if (!nothing && !inner) found.push(`it was let through: ${String(value)}`)
  } else if (code === undefined) found.push(`no code: ${error.stack}`)
  else if (!ground.refusals.has(code) && !isOfArguments(code) && !inner) found.push(`the errno is ${code}`)
  if (ground.snapshot() !== before) found.push('the canary tree has changed')
  return found
}

export const hostile = (name: string): void => {
  const make = grounds[name] as () => Ground
  let cases = 0
  let controls = 0

  for (const convention of conventions) {
    test.serial(`no way out, ${convention}: ${name}`, async (t) => {
      const ground = make()
      t.teardown(ground.remove)
      const before = ground.snapshot()
      const descriptors = openDescriptors()
      const wrong: string[] = []
      for (const door of doors) {
        for (const attack of attacksOn(ground, door)) {
          for (const form of formsOf()) {
            const found = await wrongs(ground, door, attack, convention, form, before)
            if (found === undefined) continue
            cases++
            if (found.length > 0)
              wrong.push(`${door.name} (${convention}, ${form}) ${attack.what}: ${found.join('; ')}`)
          }
        }
        if (door.changes) ground.restore()
      }
      t.deepEqual(wrong, [])
      t.is(ground.snapshot(), before)
      // What Node itself keeps open (a pool's eventfd, a watcher's inotify) is opened once.
      t.true(openDescriptors() - descriptors < 8, `${descriptors} descriptors before, ${openDescriptors()} after`)
    })

    test.serial(`what is allowed works, ${convention}: ${name}`, async (t) => {
      const ground = make()
      t.teardown(ground.remove)
      const inside = (file: string): string => `${ground.root}/${file}`
      const wrong: string[] = []
      for (const door of doors) {
        for (const [k, attack] of attacksOn(ground, door).entries()) {
          const form = formNames[k % formNames.length] as keyof typeof forms
          const path = controlOf(ground, door, attack)
          if (door.on === 'new' && !path.endsWith('-new')) continue
          // Node's own realpath makes no sense of a Uint8Array that is no Buffer.
          if (door.name === 'realpath' && form === 'bytes') continue
          const given = (at: string): unknown =>
            (forms[form] as (path: string) => unknown)(at + path.slice(ground.root.length))
          const running = door.run(ground.fs, convention, given(ground.root), inside)
          if (running === undefined) continue
          controls++
          const outcome = await outcomeOf(() => running)
          await closed(ground, door.name.startsWith('open'), outcome)
          const code = outcome.error?.code
          if (code !== undefined) {
            if (door.changes) ground.restore()
            // Some calls fail on any filesystem.
            const bare = door.run(
              ground.raw as PlyFs,
              convention,
              given(ground.rawRoot),
              (name) => `${ground.rawRoot}/${name}`,
            )
            const expected = bare && (await outcomeOf(() => bare))
            if (expected !== undefined && !door.name.includes('xattr') && expected.error?.code !== code) {
              wrong.push(`${door.name} (${convention}, ${form}) ${path}: ${outcome.error?.stack}`)
            }
          }
          if (door.changes) ground.restore()
        }
      }
      t.deepEqual(wrong, [])
    })
  }

  test.after.always(() => {
    console.log(`${name}: ${cases} attacks, ${controls} controls`)
  })
}
