/** The methods of node:fs that are requests, one or several; `table.ts` adds those that make objects. */
import { copyFile } from './copy-file.js'
import { cp } from './cp.js'
import { exists } from './exists.js'
import type { Method } from './method.js'
import { mkdir } from './mkdir.js'
import { mkdtemp } from './mkdtemp.js'
import { readFile } from './read-file.js'
import { read, write } from './read-write.js'
import { readdir } from './readdir.js'
import { realpath } from './realpath.js'
import { rm, rmdir } from './rm.js'
import { singles } from './singles.js'
import { truncate } from './truncate.js'
import { readv, writev } from './vectors.js'
import { appendFile, writeFile } from './write-file.js'

/** By the name of the callback convention. */
export const methods = {
  ...singles,
  appendFile,
  copyFile,
  cp,
  exists,
  mkdir,
  mkdtemp,
  read,
  readFile,
  readdir,
  readv,
  realpath,
  rm,
  rmdir,
  truncate,
  write,
  writeFile,
  writev,
} satisfies Record<string, Method>
