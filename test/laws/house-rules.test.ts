// Rules about the sources themselves that no linter here can say. They read the syntax tree, so that comments and strings do
// not count.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

type Rule = (node: ts.Node) => string | undefined

/** Hooks are plain functions: one request never waits inside a layer. */
const asynchrony: Rule = (node) => {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async'
  if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) return 'await'
  if (ts.isIdentifier(node) && /^(Promise|PromiseLike)$/.test(node.text)) return node.text
  return undefined
}

/** A cast to `any` hides whatever comes after it. */
const castToAny: Rule = (node) =>
  (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) && node.type.kind === ts.SyntaxKind.AnyKeyword
    ? 'as any'
    : undefined

const offences = (name: string, text: string, rule: Rule): string[] => {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const offence = rule(node)
    if (offence !== undefined) {
      found.push(`${name}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}: ${offence}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const offencesIn = (folder: string, rule: Rule): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => offences(join(folder, name), readFileSync(join(root, folder, name), 'utf8'), rule))

test('layers are synchronous: no async, await or Promise', (t) => {
  t.deepEqual(offencesIn('layers', asynchrony), [])
})

for (const folder of ['lib', 'layers']) {
  test(`nothing in ${folder}/ is cast to any`, (t) => {
    t.deepEqual(offencesIn(folder, castToAny), [])
  })
}

test('the rules see code, and only code', (t) => {
  const count = (text: string, rule: Rule) => offences('sample.ts', text, rule).length
  t.is(count('const f = async () => { await g() }', asynchrony), 2)
  t.is(count('for await (const x of y) z(x)', asynchrony), 1)
  t.is(count('type T = Promise<void>; Promise.resolve()', asynchrony), 2)
  t.is(count('// async await Promise\nconst s = `await Promise`; const o = { async: 1 }', asynchrony), 0)
  t.is(count('const a = b as any; const c = <any>d', castToAny), 2)
  t.is(count('const a = b as unknown // as any', castToAny), 0)
})
