import { type Native, native } from '../../lib/native/index.js'

export const found: Native | undefined = native()
/** The calls themselves; where there are none (not Linux, no koffi) every test that needs them is skipped. */
export const calls = found as Native
