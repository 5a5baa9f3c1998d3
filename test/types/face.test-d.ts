// What the compiler must say of a face: it stands wherever node:fs stands, with no cast. Checked by `npm run check`.
import type fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { type PlyFs, stack } from '../../lib/index.js'

const face: PlyFs = stack()

// As node:fs, whole or in part.
export const whole: typeof import('node:fs') = face
export const byDefault: typeof fs = face
export const promises: typeof import('node:fs/promises') = face.promises
export const some: Pick<typeof fs, 'readFileSync' | 'createReadStream' | 'promises'> = face

// Results have node:fs's own types.
export const text: string = face.readFileSync('/file', 'utf8')
export const size: bigint = face.statSync('/file', { bigint: true }).size
export const handle: Promise<FileHandle> = face.promises.open('/file')
export const stream: fs.ReadStream = face.createReadStream('/file')

// Extended attributes are beside them.
export const value: Buffer = face.getxattrSync('/file', 'user.a')
export const later: Promise<Buffer> = face.promises.lgetxattr('/file', 'user.a')
face.setxattr('/file', 'user.a', 'text', (error: NodeJS.ErrnoException | null) => error?.code)
face.setxattr('/file', 'user.a', Buffer.alloc(1), 1, () => {})
face.fremovexattr(3, 'user.a', () => {})

// @ts-expect-error a descriptor for a path
face.getxattrSync(3, 'user.a')
// @ts-expect-error a path for a descriptor
face.fgetxattrSync('/file', 'user.a')
// @ts-expect-error descriptors have no promise form
face.promises.fgetxattr(3, 'user.a')
// @ts-expect-error no function that node:fs does not have
face.readEverything()
