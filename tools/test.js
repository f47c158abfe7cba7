/**
 * Runs tap for `npm test` and `npm run test:*`, with the arguments of the command line.
 *
 * Plain JavaScript, because its first duty is to say a clear word on a Node that cannot read the TypeScript of the tests at all.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tapBin = join(root, 'node_modules/tap/dist/esm/run.mjs')

/** Explains a wrong Node; `null` if the running one is the one that the tests are written for. */
function wrongNode () {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wanted = devDependencies.node
  if (process.versions.node === wanted) return null
  return `These tests need Node ${wanted}; this is Node ${process.versions.node} (${process.execPath}).\n` +
    `\`npm ci\` installs Node ${wanted} as a development dependency and \`npm test\` uses it: run \`npm ci\`, with install scripts allowed\n` +
    'for the package `node` (`allowScripts` in package.json; no --ignore-scripts), then `npm test`.\n'
}

/**
 * tap compiles its Test class from the plugins in .taprc, and again in the first run that finds another list: too late for that
 * run, whose test processes get the loaders of the old list. So the class is compiled before tap starts. This needs no network.
 */
function compileTestClass () {
  const compiled = readFileSync(join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js'), 'utf8')
  if (!compiled.includes('@tapjs/typescript')) return
  runTap(['build'])
}

/** tap looks for other extensions than `.ts` in a directory once its TypeScript loader is off, so a directory becomes a pattern. */
function filesOf (argument) {
  return statSync(argument, { throwIfNoEntry: false })?.isDirectory() ? join(argument, '**/*.test.ts') : argument
}

function runTap (args) {
  const { status, error } = spawnSync(process.execPath, [tapBin, ...args], { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const complaint = existsSync(tapBin) ? wrongNode() : 'The development dependencies are missing: run `npm ci`.\n'
if (complaint !== null) {
  process.stderr.write(complaint)
  process.exit(1)
}
compileTestClass()
runTap(process.argv.slice(2).map(filesOf))
