/** A shell that outlives the daemon: when the daemon's end of a pipe closes, it takes away the mount that is left. */
import { type ChildProcess, spawn } from 'node:child_process'

/** Only a mount of the same device: another may stand there by then. `$1` the mountpoint, `$2` the device. */
const SCRIPT = `trap '' INT TERM HUP
read -r _
while grep -q " $2 / " /proc/self/mountinfo; do
  umount -l "$1" 2>/dev/null || fusermount3 -u -z "$1" 2>/dev/null || exit 1
done`

/** @param device `major:minor` of the mount */
export const guard = (mountpoint: string, device: string): ChildProcess => {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'plyfs-guardian', mountpoint, device], {
    cwd: '/',
    // A session of its own: a signal to the terminal's foreground is not for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  })
  child.on('error', () => {
    // No shell: the next mount cleans up instead.
  })
  child.unref()
  ;(child.stdin as unknown as { unref?(): void } | null)?.unref?.()
  return child
}
