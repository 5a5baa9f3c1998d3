/** Other libraries doing the same work. A peer that does not load, or cannot do it, is left out of a scenario by name. */
import * as nodeFs from 'node:fs'
import { CwdFS, type FakeFS, JailFS, NodeFS, type PortablePath, VirtualFS } from '@yarnpkg/fslib'
import { configure, InMemory, mounts, Passthrough, umount, fs as zenfs } from '@zenfs/core'
import { createFsFromVolume, Volume } from 'memfs'
import { Union } from 'unionfs'

export type Fs = typeof nodeFs

/** A filesystem, and where in it the scenario's directory is. */
export interface Place {
  readonly name: string
  readonly fs: Fs
  readonly dir: string
  /** Somebody else's: left out where it cannot do the work. */
  readonly peer?: boolean
}

/** fslib spells its promise methods `statPromise`; and wants no more of the others than its own paths' type. */
const yarn = (fake: FakeFS<PortablePath>): Fs => {
  const promises = {
    stat: (path: PortablePath) => fake.statPromise(path),
    readFile: (path: PortablePath) => fake.readFilePromise(path),
  }
  return Object.assign(fake, { promises }) as unknown as Fs
}

/** Every peer over node:fs, for the real directory `dir`. */
export const hostPeers = async (
  dir: string,
): Promise<Record<'node' | 'jail' | 'cwd' | 'virtual' | 'zen' | 'union', Place>> => {
  const base = new NodeFS(nodeFs)
  const jail = new JailFS(dir as PortablePath, { baseFs: new NodeFS(nodeFs) })
  const cwd = new CwdFS(dir as PortablePath, { baseFs: new NodeFS(nodeFs) })
  const virtual = new VirtualFS({ baseFs: new NodeFS(nodeFs) })
  if (mounts.has(dir)) umount(dir) // one zenfs for the whole process
  await configure({ mounts: { '/': InMemory, [dir]: { backend: Passthrough, fs: nodeFs, prefix: dir } } })
  return {
    node: { name: 'yarn NodeFS', fs: yarn(base), dir, peer: true },
    jail: { name: 'yarn JailFS', fs: yarn(jail), dir: '', peer: true },
    cwd: { name: 'yarn CwdFS', fs: yarn(cwd), dir, peer: true },
    virtual: { name: 'yarn VirtualFS', fs: yarn(virtual), dir, peer: true },
    zen: { name: 'zenfs Passthrough', fs: zenfs as unknown as Fs, dir, peer: true },
    union: { name: 'unionfs', fs: new Union().use(nodeFs) as unknown as Fs, dir, peer: true },
  }
}

/** A fresh zenfs in memory. */
export const zenMemory = async (): Promise<Fs> => {
  await configure({ mounts: { '/': InMemory } })
  return zenfs as unknown as Fs
}

/** A fresh memfs, bare. */
export const memfs = (): Fs => createFsFromVolume(new Volume()) as unknown as Fs
