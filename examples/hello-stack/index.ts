// A stack in memory: an object that stands wherever node:fs stands.
import { explain, stack } from 'plyfs'
import { metadataCache, requestCount } from 'plyfs/layers'

const reached = requestCount()
const fs = stack(undefined, [metadataCache(), reached])

fs.mkdirSync('/notes')
fs.writeFileSync('/notes/today.md', '# Today\n')
for (let k = 0; k < 100; k++) fs.statSync('/notes/today.md')
console.log(await fs.promises.readFile('/notes/today.md', 'utf8'))

console.log('100 stats; requests that reached the memory below the cache:', reached.counts())
console.log(`\n${explain(fs)}`)
