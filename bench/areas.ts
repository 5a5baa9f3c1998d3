/** Every file of scenarios, by name. */
import type { Area } from './fixture.js'
import { bound } from './scenarios/bound.js'
import { createDelete } from './scenarios/create-delete.js'
import { direct } from './scenarios/direct.js'
import { gitStatus } from './scenarios/git.js'
import { io } from './scenarios/io.js'
import { layers } from './scenarios/layers.js'
import { metadata } from './scenarios/metadata.js'
import { modules } from './scenarios/modules.js'
import { overlaid } from './scenarios/overlay.js'
import { sandboxed } from './scenarios/sandbox.js'
import { walk } from './scenarios/walk.js'

export const areas = {
  direct,
  metadata,
  io,
  layers,
  git: gitStatus,
  walk,
  modules,
  bound,
  'create-delete': createDelete,
  sandbox: sandboxed,
  overlay: overlaid,
} satisfies Record<string, Area>

export type AreaName = keyof typeof areas
