import { closeSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { XATTR_CREATE, XATTR_REPLACE } from '../../lib/native/index.js'
import { calls, errno, ok, rootOnly, test } from './support.js'

const value = Buffer.from([0, 1, 2, 255])

test('a value comes back, by path and by fd, and is nobody else’s', (t, dir) => {
  const path = join(dir, 'file')
  writeFileSync(path, '')
  t.is(calls.setxattr(path, 'user.a', value, 0), 0)
  const first = ok(calls.getxattr(path, 'user.a'))
  t.deepEqual(first, value)
  first.fill(7)
  t.deepEqual(calls.getxattr(path, 'user.a'), value)
  t.deepEqual(calls.lgetxattr(path, 'user.a'), value)
  const fd = openSync(path, 'r+')
  t.deepEqual(calls.fgetxattr(fd, 'user.a'), value)
  t.is(calls.fsetxattr(fd, 'user.b', Buffer.alloc(0), 0), 0)
  t.deepEqual(calls.fgetxattr(fd, 'user.b'), Buffer.alloc(0))
  t.deepEqual(ok(calls.flistxattr(fd)).sort(), ['user.a', 'user.b'])
  t.is(calls.fremovexattr(fd, 'user.a'), 0)
  closeSync(fd)
  t.deepEqual(calls.listxattr(path), ['user.b'])
  t.is(calls.removexattr(path, 'user.b'), 0)
  t.deepEqual(calls.listxattr(path), [])
  t.is(calls.fgetxattr(fd, 'user.a'), -errno.EBADF)
})

test('a missing name is ENODATA, a missing file ENOENT, a foreign namespace ENOTSUP', (t, dir) => {
  t.is(calls.getxattr(dir, 'user.none'), -errno.ENODATA)
  t.is(calls.removexattr(dir, 'user.none'), -errno.ENODATA)
  t.is(calls.getxattr(join(dir, 'none'), 'user.a'), -errno.ENOENT)
  t.is(calls.listxattr(join(dir, 'none')), -errno.ENOENT)
  t.is(calls.getxattr(dir, 'nonsense'), -errno.ENOTSUP)
})

test('XATTR_CREATE and XATTR_REPLACE', (t, dir) => {
  t.is(calls.setxattr(dir, 'user.a', value, XATTR_REPLACE), -errno.ENODATA)
  t.is(calls.setxattr(dir, 'user.a', value, XATTR_CREATE), 0)
  t.is(calls.setxattr(dir, 'user.a', value, XATTR_CREATE), -errno.EEXIST)
  t.is(calls.lsetxattr(dir, 'user.a', Buffer.from('new'), XATTR_REPLACE), 0)
  t.deepEqual(calls.getxattr(dir, 'user.a'), Buffer.from('new'))
  t.is(calls.setxattr(dir, 'user.a', value, 4), -errno.EINVAL)
})

test('values and lists longer than the first try', (t, dir) => {
  const long = Buffer.alloc(2000, 'x')
  t.is(calls.setxattr(dir, 'user.long', long, 0), 0)
  t.deepEqual(calls.getxattr(dir, 'user.long'), long)
  t.is(calls.removexattr(dir, 'user.long'), 0)
  const names = Array.from({ length: 20 }, (_, index) => `user.${'n'.repeat(40)}${index}`)
  for (const name of names) t.is(calls.setxattr(dir, name, Buffer.from('1'), 0), 0)
  t.deepEqual(ok(calls.listxattr(dir)).sort(), [...names].sort())
})

test('limits', (t, dir) => {
  t.is(calls.setxattr(dir, 'user.a', Buffer.alloc(65537), 0), -errno.E2BIG)
  t.is(calls.getxattr(dir, `user.${'n'.repeat(300)}`), -errno.ERANGE)
  t.is(calls.getxattr(dir, `user.${'n'.repeat(9000)}`), -errno.ERANGE)
  t.is(calls.getxattr(dir, ''), -errno.ERANGE)
  t.is(calls.getxattr(dir, 'user.a\0b'), -errno.EINVAL)
  t.is(calls.getxattr(`${dir}\0`, 'user.a'), -errno.EINVAL)
  t.is(calls.getxattr('/x'.repeat(5000), 'user.a'), -errno.ENAMETOOLONG)
})

test('names that are no ASCII', (t, dir) => {
  t.is(calls.setxattr(dir, 'user.ключ', value, 0), 0)
  t.is(calls.setxattr(dir, 'user.\udcff', value, 0), 0)
  t.deepEqual(ok(calls.listxattr(dir)).sort(), ['user.ключ', 'user.\udcff'].sort())
  t.deepEqual(calls.getxattr(dir, 'user.\udcff'), value)
})

rootOnly('the l forms are about the link itself', (t, dir) => {
  const link = join(dir, 'link')
  symlinkSync('nowhere', link)
  t.is(calls.setxattr(link, 'trusted.a', value, 0), -errno.ENOENT)
  t.is(calls.lsetxattr(link, 'trusted.a', value, 0), 0)
  t.deepEqual(calls.lgetxattr(link, 'trusted.a'), value)
  t.deepEqual(calls.llistxattr(link), ['trusted.a'])
  t.is(calls.lremovexattr(link, 'trusted.a'), 0)
  t.deepEqual(calls.llistxattr(link), [])
})

/** Since Linux 6.13. */
const [major = 0, minor = 0] = release().split('.').map(Number)
const since = major > 6 || (major === 6 && minor >= 13)
const title = 'a link’s own, by its name in a directory'
if (!since) anyTest.skip(`${title} (Linux before 6.13)`, (t) => t.fail())
else {
  rootOnly(title, (t, dir) => {
    symlinkSync('nowhere', join(dir, 'link'))
    const long = Buffer.alloc(2000, 'x')
    t.is(calls.lsetxattr(join(dir, 'link'), 'trusted.a', long, 0), 0)
    const fd = openSync(dir, 'r')
    t.deepEqual(calls.getxattrat(fd, 'link', 'trusted.a'), long)
    t.is(calls.getxattrat(fd, 'link', 'trusted.b'), -errno.ENODATA)
    t.is(calls.getxattrat(fd, 'none', 'trusted.a'), -errno.ENOENT)
    closeSync(fd)
  })
}
