// `node --import ./scripts/dist-loader.mjs`, after tsx: modules of lib/ and layers/ are taken from the build, however they are
// named. So the same tests and benchmarks, internals included, run against what is published, with one copy of every module.
import { register } from 'node:module'

const root = new URL('../', import.meta.url).href
const hooks = `
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  const inside = found.url.startsWith(${JSON.stringify(root)}) && found.url.slice(${root.length})
  const source = inside && /^((?:lib|layers)\\/[^?#]+)\\.ts(?=$|[?#])/.exec(inside)
  if (!source) return found
  return { url: ${JSON.stringify(root)} + 'dist/' + source[1] + '.js', format: 'module', shortCircuit: true }
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
