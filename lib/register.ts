/**
 * `node --import plyfs/register app.mjs`, with the path of a stack file in PLYFS_STACK: the stack stands in the place of
 * node:fs for the whole process.
 */
import { stackFromFile } from './config.js'
import { install } from './install.js'

const path = process.env.PLYFS_STACK
if (path === undefined || path === '') {
  throw new TypeError('plyfs/register: expected the path of a stack file in the environment variable PLYFS_STACK')
}
const made = stackFromFile(path)
if (made._tag === 'Left') throw made.left
install(made.right)
