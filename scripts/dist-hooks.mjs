// The hook of dist-loader.mjs.
const root = new URL('../', import.meta.url).href

const built = (found) => {
  const inside = found.url.startsWith(root) && found.url.slice(root.length)
  const source = inside && /^((?:lib|layers)\/[^?#]+)\.ts(?=$|[?#])/.exec(inside)
  return source ? { url: `${root}dist/${source[1]}.js`, format: 'module', shortCircuit: true } : found
}

export const resolve = (specifier, context, next) => {
  const found = next(specifier, context)
  return found instanceof Promise ? found.then(built) : built(found)
}
