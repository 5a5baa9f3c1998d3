// isomorphic-git, with promises and with callbacks.
import git from 'isomorphic-git'
import { both } from './places.js'

const author = { name: 'A', email: 'a@example.org', timestamp: 1_700_000_000, timezoneOffset: 0 }

for (const form of ['promises', 'callbacks'] as const) {
  both(`isomorphic-git by ${form}`, async (t, { fs: face, dir }) => {
    const { promises: _, ...callbacks } = face
    const fs = form === 'promises' ? face : callbacks
    const repo = { fs: fs as typeof face, dir }
    await git.init(repo)
    face.writeFileSync(`${dir}/a.txt`, 'one\n')
    face.mkdirSync(`${dir}/sub`)
    face.writeFileSync(`${dir}/sub/b.txt`, 'two\n')
    await git.add({ ...repo, filepath: ['a.txt', 'sub/b.txt'] })
    await git.commit({ ...repo, message: 'first', author })
    face.writeFileSync(`${dir}/a.txt`, 'changed\n')
    face.unlinkSync(`${dir}/sub/b.txt`)
    t.deepEqual(await git.statusMatrix(repo), [
      ['a.txt', 1, 2, 1],
      ['sub/b.txt', 1, 0, 1],
    ])
    await git.checkout({ ...repo, force: true })
    t.is(face.readFileSync(`${dir}/a.txt`, 'utf8'), 'one\n')
    t.is(face.readFileSync(`${dir}/sub/b.txt`, 'utf8'), 'two\n')
    t.deepEqual(
      (await git.log(repo)).map(({ commit }) => commit.message),
      ['first\n'],
    )
  })
}
