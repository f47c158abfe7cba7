/**
 * `npm run check`: every gate that needs no running gateway, one line each, all of them even after a failure.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

interface Gate {
  readonly name: string
  /** Arguments for Node, or for npx where the tool cannot be a development dependency. */
  readonly node?: readonly string[]
  readonly npx?: readonly string[]
  /** Its output is shown when it passes too. */
  readonly report?: boolean
}

const root = join(import.meta.dirname, '..')
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

const gates: readonly Gate[] = [
  { name: 'lint', node: ['node_modules/eslint/bin/eslint.js', '--max-warnings', '0', '.'] },
  { name: 'types of everything', node: [tsc, '-p', 'tsconfig.json'] },
  { name: 'parameter pages in sync', node: ['tools/parameter-docs.ts', '--check'] },
  { name: 'error page in sync', node: ['tools/error-docs.ts', '--check'] },
  { name: 'plugin pages in sync', node: ['tools/plugin-docs.ts', '--check'] },
  { name: 'import directions', node: ['tools/import-directions.ts'] },
  // knip's optional native packages make the lock file unusable for `npm ci` on other platforms, so it stays outside of it.
  { name: 'unused files, exports and dependencies (knip)', npx: ['knip@6.44.2'] },
  { name: 'package: build with the types of its libraries checked, contents, publint, attw', node: ['tools/package-check.ts'] },
  { name: 'sizes', node: ['tools/size-report.ts'], report: true }
]

/** Returns whether the gate holds. */
function run (gate: Gate): boolean {
  const started = Date.now()
  const [command, args] = gate.npx === undefined ? [process.execPath, gate.node ?? []] : ['npx', ['--yes', ...gate.npx]]
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const passed = status === 0
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${gate.name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  if (!passed || gate.report === true) console.log([stdout, stderr, error?.message].filter(Boolean).join('\n').trimEnd().replaceAll(/^/gm, '     '))
  return passed
}

if (!existsSync(join(root, 'node_modules/typescript'))) throw new Error('the development dependencies are missing: run `npm ci`')
const failed = gates.filter(gate => !run(gate))
console.log(failed.length === 0 ? `${gates.length} gates passed` : `${failed.length} of ${gates.length} gates failed: ${failed.map(gate => gate.name).join('; ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
