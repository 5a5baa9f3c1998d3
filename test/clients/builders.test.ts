// enhanced-resolve, webpack, a TypeScript CompilerHost: programs that read and write through the filesystem that they get.
import ts from 'typescript'
import { both, load, plant } from './places.js'

both('enhanced-resolve', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  fs.mkdirSync(`${dir}/node_modules/dep/lib`, { recursive: true })
  fs.writeFileSync(`${dir}/node_modules/dep/package.json`, JSON.stringify({ exports: './lib/main.js' }))
  fs.writeFileSync(`${dir}/node_modules/dep/lib/main.js`, '')
  const { CachedInputFileSystem, ResolverFactory } = load('enhanced-resolve')
  const resolver = ResolverFactory.createResolver({
    fileSystem: new CachedInputFileSystem(fs, 4000),
    extensions: ['.js'],
  })
  const resolve = (request: string): Promise<unknown> =>
    new Promise((done) =>
      resolver.resolve({}, `${dir}/src`, request, {}, (error: Error | null, path: unknown) => done(error ?? path)),
    )
  t.is(await resolve('./a'), `${dir}/src/a.js`)
  t.is(await resolve('dep'), `${dir}/node_modules/dep/lib/main.js`)
  t.is(await resolve('../link/inner/b'), `${dir}/src/inner/b.js`)
  t.true((await resolve('./none')) instanceof Error)
})

both('webpack', async (t, place) => {
  plant(place)
  const { fs, dir } = place
  const compiler = load('webpack')({
    mode: 'development',
    devtool: false,
    context: dir,
    entry: './src/a.js',
    output: { path: `${dir}/dist`, filename: 'out.js', library: { type: 'commonjs2' } },
    resolveLoader: { modules: [] },
  })
  compiler.inputFileSystem = fs
  compiler.outputFileSystem = fs
  compiler.intermediateFileSystem = fs
  const stats = await new Promise<{ hasErrors(): boolean; toString(): string }>((resolve, reject) =>
    compiler.run((error: Error | null, result: never) => (error === null ? resolve(result) : reject(error))),
  )
  t.false(stats.hasErrors(), stats.toString())
  const module = { exports: undefined }
  new Function('module', 'require', fs.readFileSync(`${dir}/dist/out.js`, 'utf8'))(module, () => undefined)
  t.is(module.exports as unknown, 42)
  await new Promise((resolve) => compiler.close(resolve))
})

both('a TypeScript CompilerHost', (t, { fs, dir }) => {
  fs.writeFileSync(
    `${dir}/main.ts`,
    "import { n } from './n.js'\nexport const text: string = n.toFixed()\nlet bad: string = n\n",
  )
  fs.writeFileSync(`${dir}/n.ts`, 'export const n = 1\n')
  const options: ts.CompilerOptions = {
    noLib: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    outDir: `${dir}/out`,
    types: [],
  }
  const host: ts.CompilerHost = {
    fileExists: (name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false,
    directoryExists: (name) => fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false,
    readFile: (name) => fs.readFileSync(name, 'utf8'),
    realpath: (name) => fs.realpathSync(name),
    getDirectories: (name) =>
      fs.readdirSync(name, { withFileTypes: true }).flatMap((each) => (each.isDirectory() ? [each.name] : [])),
    getSourceFile: (name, target) => ts.createSourceFile(name, fs.readFileSync(name, 'utf8'), target),
    writeFile: (name, text) => {
      fs.mkdirSync(name.slice(0, name.lastIndexOf('/')), { recursive: true })
      fs.writeFileSync(name, text)
    },
    getDefaultLibFileName: () => `${dir}/lib.d.ts`,
    getCurrentDirectory: () => dir,
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  }
  const program = ts.createProgram([`${dir}/main.ts`], options, host)
  t.deepEqual(
    program
      .getSemanticDiagnostics(program.getSourceFile(`${dir}/main.ts`))
      .map(({ code }) => code)
      .filter((code) => code === 2322),
    [2322],
  )
  program.emit()
  t.is(fs.readFileSync(`${dir}/out/n.js`, 'utf8'), 'export const n = 1;\n')
})
