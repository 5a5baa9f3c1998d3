/** Times as node:fs takes them, cut off as libuv does: in microseconds up to 1.51, which later releases of Node 22 have. */
const [UV_MAJOR = 0, UV_MINOR = 0] = process.versions.uv.split('.').map(Number)
const WHOLE_MICROSECONDS = UV_MAJOR === 1 && UV_MINOR < 52

/** Whole seconds, and nanoseconds from 0 to 999,999,999, of a finite number of seconds. */
export const cutOff = (seconds: number): readonly [number, number] => {
  const whole = Math.trunc(seconds)
  let nsec = Math.trunc((seconds - whole) * 1e9)
  if (WHOLE_MICROSECONDS) nsec -= nsec % 1000
  return nsec < 0 ? [whole - 1, nsec + 1e9] : [whole, nsec]
}
