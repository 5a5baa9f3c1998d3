// As much of ava as the tests of the mutants need, in one process: the first failure ends it.
import assert from 'node:assert/strict'

const queue = []
const test = (title, run) => queue.push({ title, run })
test.serial = test
export default test

const matches = (error, expected = {}) => {
  const { code, instanceOf, message } = expected
  if (code !== undefined) assert.equal(error?.code, code)
  if (instanceOf !== undefined) assert.ok(error instanceof instanceOf)
  if (message instanceof RegExp) assert.match(error.message, message)
  else if (message !== undefined) assert.equal(error.message, message)
  return error
}
const t = {
  is: (a, b, message) =>
    assert.ok(Object.is(a, b), message ?? `${String(a).slice(0, 80)} is not ${String(b).slice(0, 80)}`),
  not: (a, b, message) => assert.ok(!Object.is(a, b), message),
  true: (a, message) => assert.equal(a, true, message),
  false: (a, message) => assert.equal(a, false, message),
  deepEqual: (a, b, message) => assert.deepEqual(a, b, message),
  pass: () => undefined,
  log: () => undefined,
  throws(act, expected) {
    let error
    try {
      act()
    } catch (thrown) {
      error = thrown
    }
    assert.ok(error !== undefined, 'nothing was thrown')
    return matches(error, expected)
  },
  async throwsAsync(act, expected) {
    const NOTHING = {}
    const error = await (typeof act === 'function' ? act() : act).then(
      () => NOTHING,
      (thrown) => thrown,
    )
    assert.ok(error !== NOTHING, 'nothing was thrown')
    return matches(error, expected)
  },
  notThrows: (act) => act(),
}

const fail = (title, error) => {
  console.log(`not ok ${title}: ${String(error?.message ?? error).split('\n')[0]}`)
  process.exit(1)
}
let title = ''
process.on('uncaughtException', (error) => fail(title, error))
setImmediate(async () => {
  for (const each of queue) {
    title = each.title
    try {
      await each.run(t)
    } catch (error) {
      fail(title, error)
    }
  }
  console.log(`ok ${queue.length}`)
  process.exit(0)
})
