/** Files and directories that have lost their names, or never had one. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { inMount, needsFuse, place, python, SOURCES, sh } from './support.js'

const run = (script: string, dir: string): Promise<string> =>
  sh(`${python()} - <<'END'\nimport os\nos.chdir(${JSON.stringify(dir)})\n${script}\nEND`)
interface Case {
  readonly title: string
  readonly script: string
  readonly expected: string
}
const cases: Case[] = []
const inEach = (title: string, script: string, expected: string): void => {
  cases.push({ title, script, expected })
}

inEach(
  'what is open is opened anew after its name is gone',
  `
for gone in (lambda: os.unlink('f'), lambda: os.rename('g', 'f')):
  for name in 'fg':
    with open(name, 'w') as f: f.write('text ' + name)
  one = os.open('f', os.O_RDONLY)
  gone()
  two = os.open(f'/proc/self/fd/{one}', os.O_RDWR)
  print(os.read(two, 9), os.fstat(two).st_nlink)
  os.pwrite(two, b'T', 0)
  print(os.read(one, 9))
  os.close(one)
  three = os.open(f'/proc/self/fd/{two}', os.O_RDWR | os.O_APPEND)
  os.write(three, b'!')
  os.close(two)
  print(os.pread(three, 9, 0))
  os.truncate(f'/proc/self/fd/{three}', 3)
  os.close(os.open(f'/proc/self/fd/{three}', os.O_WRONLY | os.O_TRUNC))
  print(os.fstat(three).st_size)
  os.close(three)`,
  `b'text f' 0\nb'Text f'\nb'Text f!'\n0\n`.repeat(2),
)

inEach(
  'in a directory that was removed nothing is found, and nothing made',
  `
import errno
os.mkdir('d')
os.chdir('d')
os.rmdir(os.path.abspath('../d'))
def told(what, *args, **kw):
  try: return what(*args, **kw)
  except OSError as e: return errno.errorcode[e.errno]
print(told(os.stat, 'x'), told(os.open, 'x', os.O_CREAT | os.O_RDWR), told(os.mkdir, 'x'), told(os.symlink, 'a', 'x'))
print(told(os.listdir, '.'), told(os.unlink, 'x'), told(os.rename, 'x', 'y'), told(os.stat, '..') != 'ESTALE')
st = os.stat('.')
print(st.st_nlink, oct(st.st_mode), st.st_uid)
fd = os.open('.', os.O_RDONLY)
print(os.fstat(fd).st_nlink)`,
  `ENOENT ENOENT ENOENT ENOENT\n[] ENOENT ENOENT True\n0 0o40755 0\n0\n`,
)

inEach(
  'a file that never gets a name',
  `
fd = os.open('.', os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o640)
os.write(fd, b'text')
st = os.fstat(fd)
print(os.pread(fd, 9, 0), st.st_nlink, oct(st.st_mode), st.st_size, os.listdir('.'))
os.ftruncate(fd, 1)
os.fchmod(fd, 0o600)
print(os.fstat(fd).st_size, oct(os.fstat(fd).st_mode))
os.close(fd)`,
  `b'text' 0 0o100640 4 []\n1 0o100600\n`,
)

inEach(
  'a file that gets its name later',
  `
import ctypes, errno
def told(what, *args, **kw):
  try: return what(*args, **kw)
  except OSError as e: return errno.errorcode[e.errno]
os.mkdir('d')
fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(fd, b'text')
cwd = os.open('.', os.O_RDONLY)
def name(fd, new): os.link(f'/proc/self/fd/{fd}', new, src_dir_fd=cwd, follow_symlinks=True)
name(fd, 'd/named')
st = os.stat('d/named')
print(open('d/named').read(), st.st_nlink, oct(st.st_mode), st.st_ino == os.fstat(fd).st_ino, os.listdir('d'))
print(told(name, fd, 'd/named'))
os.link('d/named', 'again')
os.write(fd, b'!')
os.close(fd)
print(open('again').read(), os.stat('again').st_nlink)
# AT_EMPTY_PATH
two = os.open('d', os.O_TMPFILE | os.O_WRONLY, 0o600)
os.write(two, b'empty')
libc = ctypes.CDLL(None, use_errno=True)
print(libc.linkat(two, b'', cwd, b'two', 0x1000))
os.close(two)
print(open('two').read())
three = os.open('.', os.O_TMPFILE | os.O_WRONLY | os.O_EXCL, 0o600)
print(told(name, three, 'three'), sorted(os.listdir('.')))
for gone in ['again', 'd/named', 'two']: os.unlink(gone)
os.rmdir('d')`,
  `text 1 0o100640 True ['named']\nEEXIST\ntext! 2\n0\nempty\nENOENT ['again', 'd', 'two']\n`,
)

const runAll = async (t: ExecutionContext, dir: string): Promise<void> => {
  for (const [k, { title, script, expected }] of cases.entries()) {
    const at = join(dir, `case-${k}`)
    mkdirSync(at)
    t.is(await run(script, at), expected, title)
  }
}

needsFuse('as the kernel has it', (t) => runAll(t, place(t).dir), 'python3')
for (const name of ['memory', 'rooted', 'rooted, five layers', 'host'] as const) {
  inMount(
    `${name}: what has no name, or none any more`,
    SOURCES[name],
    (t, _mounted, { mnt, back }) => runAll(t, name === 'host' ? join(mnt, back) : mnt),
    {},
    'python3',
  )
}
