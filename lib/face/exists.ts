/** exists: an access request with no mask, whose failure is an answer. */

import { promisify } from 'node:util'
import { syncPlan } from '../driver/sync.js'
import type { RunPlan } from '../exchange.js'
import { accessOf } from '../request.js'
import { Failed } from '../verdict.js'
import { type Fn, type Method, request } from './method.js'
import { callbackOf, pathOf } from './validate.js'
import { contextOf } from './view.js'

export const exists: Method = {
  ops: ['access'],
  sync: (v) => {
    let run: RunPlan | undefined
    return function existsSync(path: unknown) {
      let at: string
      try {
        at = pathOf(path)
      } catch {
        return false
      }
      run ??= syncPlan(v.x, 'access')
      return !(run(accessOf(at, 0), contextOf(v)) instanceof Failed)
    }
  },
  callback: (v) => {
    const exists: Fn = (path: unknown, callback: unknown) => {
      const cb = callbackOf(callback)
      let at: string
      try {
        at = pathOf(path)
      } catch {
        cb(false)
        return
      }
      request(v, 'access', accessOf(at, 0), 'access', path, (error) => cb(error === null))
    }
    Object.defineProperty(exists, promisify.custom, {
      value: function exists(path: unknown) {
        return new Promise((resolve) => (v.surface.at.exists as Fn)(path, resolve))
      },
    })
    return exists
  },
}
