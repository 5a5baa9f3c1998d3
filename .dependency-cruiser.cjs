// Who may import whom. Type imports count as well; only a cycle may be closed by one.
//
//   op, errno (context, file) <- verdict <- extension <- exchange <- stack <- driver <- face, fuse
//
// lib/ also holds what has no place in that line: codec/ (parsing), lower/ (filesystems underneath), native/ (libc).

/** The line above: a file imports only from its own rank and from those before it. */
const ranks = [
  ['op', 'errno', 'context', 'file', 'stats', 'path-bytes', 'primordials', 'request', 'random'], // one vocabulary
  ['verdict'],
  ['extension'],
  ['namei', 'lower'],
  ['layer'],
  ['exchange'],
  ['stack'],
  ['driver/'],
  ['face/', 'fuse/'],
]
const core = ranks.flat().filter((name) => !name.endsWith('/'))
const source = (names) => `^lib/(${names.map((name) => (name.endsWith('/') ? name : `${name}[.]ts$`)).join('|')})`

const direction = ranks.slice(0, -1).map((names, rank) => ({
  name: `direction-${names.map((name) => name.replace('/', '')).join('-')}`,
  comment: `${names.join(', ')} must not know what is built upon it`,
  severity: 'error',
  from: { path: source(names) },
  to: { path: source(ranks.slice(rank + 1).flat()) },
}))

const npm = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`

module.exports = {
  forbidden: [
    ...direction,
    {
      name: 'core-stands-alone',
      comment: 'The core knows no layer, no lower filesystem, no codec, no native code and no entry point',
      severity: 'error',
      from: { path: source(core) },
      to: { path: '^(layers/|lib/(lower|native|codec)/|lib/(index|fp|register|cli)[.]ts$)' },
    },
    {
      name: 'driver-is-neutral',
      comment: 'A driver runs the core over a lower it is given',
      severity: 'error',
      from: { path: '^lib/driver/' },
      to: { path: '^(layers/|lib/lower/|lib/native/|lib/codec/)' },
    },
    {
      name: 'lower-is-below',
      comment: 'A lower turns opcodes into calls; it knows nothing of what runs above it',
      severity: 'error',
      from: { path: '^lib/lower/' },
      to: { path: '^(layers/|lib/(driver|face|fuse)/|lib/(exchange|stack|layer|index|fp|register|cli)[.]ts$)' },
    },
    {
      name: 'codec-only-parses',
      severity: 'error',
      from: { path: '^lib/codec/' },
      to: { path: '^(layers/|lib/(driver|face|fuse|lower|native)/|lib/(exchange|stack|index|fp|register|cli)[.]ts$)' },
    },
    {
      name: 'layer-imports',
      comment: 'A layer is made of the authoring kit, codecs and these libraries, and nothing else',
      severity: 'error',
      from: { path: '^layers/', pathNot: '^layers/index[.]ts$' },
      to: {
        pathNot: [
          '^layers/',
          '^lib/layer[.]ts$',
          '^lib/codec/',
          npm('lru-cache', 'picomatch', 'io-ts', 'fp-ts'),
          // Of Node, only what computes and touches nothing.
          '^(node:)?(path|path/posix|util|buffer|crypto)$',
        ],
      },
    },
    {
      name: 'layers-are-strangers',
      comment: 'A layer is one file or one folder, and imports no other layer; layers/index.ts lists them all',
      severity: 'error',
      from: { path: '^layers/([^/.]+)', pathNot: '^layers/index[.]ts$' },
      to: { path: '^layers/', pathNot: '^layers/$1[/.]' },
    },
    {
      name: 'memfs-and-unionfs-are-lowers',
      severity: 'error',
      from: { path: '^(lib|layers)/', pathNot: '^lib/lower/' },
      to: { path: npm('memfs', 'unionfs') },
    },
    {
      name: 'fuse-is-apart',
      comment: 'Nobody who does not mount pays for lib/fuse, not even through others',
      severity: 'error',
      from: {
        path: `^(layers/|lib/(face|lower|driver|codec|native)/|lib/(index|fp|register|${core.join('|')})[.]ts$)`,
      },
      to: { path: '^lib/fuse/', reachable: true },
    },
    {
      name: 'koffi-is-native',
      severity: 'error',
      from: { path: '^(lib|layers)/', pathNot: '^lib/(native|fuse)/' },
      to: { path: npm('koffi') },
    },
    {
      name: 'koffi-is-optional',
      comment: 'An optional peer: import its types, and itself only at run time (import() or createRequire)',
      severity: 'error',
      from: { path: '^lib/(native|fuse)/' },
      to: { path: npm('koffi'), dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-circular',
      comment: 'No module needs itself in order to load; types may refer to each other',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'published-imports-published',
      comment: 'lib/ and layers/ need only what package.json promises their users',
      severity: 'error',
      from: { path: '^(lib|layers)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only', 'npm-peer'] },
    },
    {
      name: 'source-imports-source',
      comment: 'Nothing published imports tests, examples, benchmarks or the build',
      severity: 'error',
      from: { path: '^(lib|layers)/' },
      to: { path: '^(test|examples|bench|scripts|dist)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['plyfs-source', 'import', 'node', 'types', 'default'],
    },
    doNotFollow: { path: ['node_modules', '^dist/'] },
    moduleSystems: ['es6', 'cjs'],
  },
}
