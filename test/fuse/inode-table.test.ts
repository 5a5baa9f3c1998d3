import test from 'ava'
import { type Inode, InodeTable } from '../../lib/fuse/inode-table.js'
import { fc } from '../fc.js'

const DIR = 0o040755
const FILE = 0o100644
const found = (ino: number, mode = FILE, nlink = 1) => ({ dev: 1, ino, mode, nlink })
/** As a lookup that the kernel is told of. */
const look = (table: InodeTable, dir: Inode, name: string, of: ReturnType<typeof found>): Inode => {
  const inode = table.adopt(dir, name, of, table.pathIn(dir, name))
  inode.nlookup++
  return inode
}

test('a renamed directory takes along what is beneath it', (t) => {
  const table = new InodeTable(true)
  const a = look(table, table.root, 'a', found(2, DIR))
  const b = look(table, a, 'b', found(3, DIR))
  const c = look(table, b, 'c', found(4))
  t.is(table.pathOf(c), '/a/b/c')
  table.move(table.root, 'a', table.root, 'z')
  t.is(table.pathOf(c), '/z/b/c')
  table.move(a, 'b', table.root, 'b')
  t.is(table.pathOf(c), '/b/c')
  t.is(table.pathOf(a), '/z')
})

test('hard links share an inode, which goes by any name that is left', (t) => {
  const table = new InodeTable(true)
  const one = look(table, table.root, 'one', found(7, FILE, 2))
  t.is(look(table, table.root, 'two', found(7, FILE, 2)), one)
  table.removed(table.root, 'one')
  t.is(table.pathOf(one), '/two')
  table.removed(table.root, 'two')
  t.is(table.pathOf(one), undefined)
  t.is(table.get(one.id), one)
  table.forget(one.id, 2)
  t.is(table.get(one.id), undefined)
})

test('the number of a removed file may be another file’s at once', (t) => {
  const table = new InodeTable(true)
  const old = look(table, table.root, 'file', found(9))
  table.removed(table.root, 'file')
  const fresh = look(table, table.root, 'other', found(9))
  t.not(fresh, old)
  t.not(fresh.id, old.id)
  t.not(fresh.generation, old.generation)
})

test('a file that is renamed over another takes its name, and the other has none', (t) => {
  const table = new InodeTable(true)
  const old = look(table, table.root, 'target', found(5))
  const fresh = look(table, table.root, 'tmp', found(6))
  table.move(table.root, 'tmp', table.root, 'target')
  t.is(table.pathOf(fresh), '/target')
  t.is(table.pathOf(old), undefined)
})

test('RENAME_EXCHANGE swaps names, subtrees included', (t) => {
  const table = new InodeTable(true)
  const a = look(table, table.root, 'a', found(2, DIR))
  const b = look(table, table.root, 'b', found(3, DIR))
  const x = look(table, a, 'x', found(4))
  table.exchange(table.root, 'a', table.root, 'b')
  t.deepEqual([table.pathOf(a), table.pathOf(b), table.pathOf(x)], ['/b', '/a', '/b/x'])
})

test('a name that leads elsewhere behind the mount’s back', (t) => {
  const table = new InodeTable(true)
  const file = look(table, table.root, 'x', found(2))
  const dir = look(table, table.root, 'x', found(3, DIR))
  t.not(dir, file)
  t.is(table.pathOf(file), undefined)
  const moved = look(table, table.root, 'y', found(3, DIR))
  t.is(moved, dir)
  t.is(table.pathOf(dir), '/y')
})

test('whatever happens, the table is empty once the kernel has forgotten everything', (t) => {
  const names = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    fc.record({ do: fc.constant('look' as const), dir: fc.nat(5), name: names, ino: fc.integer({ min: 2, max: 9 }) }),
    fc.record({ do: fc.constant('remove' as const), dir: fc.nat(5), name: names }),
    fc.record({ do: fc.constant('move' as const), dir: fc.nat(5), name: names, to: fc.nat(5), newName: names }),
    fc.record({ do: fc.constant('swap' as const), dir: fc.nat(5), name: names, to: fc.nat(5), newName: names }),
    fc.record({ do: fc.constant('forget' as const), dir: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new InodeTable(true)
      const held: Inode[] = [table.root]
      const dirs: Inode[] = [table.root]
      for (const each of steps) {
        const dir = dirs[each.dir % dirs.length] as Inode
        if (each.do === 'look') {
          // Even numbers are directories, which have one name each, and never beneath themselves.
          const isDir = each.ino % 2 === 0
          const inode = look(table, isDir ? table.root : dir, each.name, found(each.ino, isDir ? DIR : FILE, 2))
          held.push(inode)
          if (isDir && !dirs.includes(inode)) dirs.push(inode)
        } else if (each.do === 'remove') table.removed(dir, each.name)
        else if (each.do === 'forget') {
          const inode = held[each.dir % held.length] as Inode
          table.forget(inode.id, 1)
        } else {
          const to = dirs[each.to % dirs.length] as Inode
          const what = dir.children?.get(each.name)
          if (what !== undefined && what.type === (DIR & 0o170000)) continue
          if (each.do === 'move') table.move(dir, each.name, to, each.newName)
          else if (to.children?.get(each.newName)?.type !== (DIR & 0o170000)) {
            table.exchange(dir, each.name, to, each.newName)
          }
        }
        for (const inode of held) {
          const path = table.pathOf(inode)
          if (path !== undefined) t.true(path === '/' || /^(\/[abcd])+$/.test(path), path)
        }
      }
      for (let id = 2; id < 200; id++) table.forget(id, 1000)
      t.is(table.size, 1)
    }),
    { numRuns: 1000 },
  )
})
