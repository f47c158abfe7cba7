/**
 * Reads the coverage that the last `npm test` left in `.tap/coverage` and enforces the project's bounds: every branch where a
 * mistake lets the wrong person in, 90 % of the lines elsewhere. A file that no test loads counts as not covered at all.
 */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

interface Share { readonly total: number, readonly covered: number, readonly pct: number }
interface FileSummary { readonly lines: Share, readonly branches: Share }

const root = join(import.meta.dirname, '..')

/** The rooms that decide who somebody is: header policy, names and certificates, identities, revocation, profile. */
const EVERY_BRANCH = /^src\/(client-cert|x509|pse|profile|revocation)\//
const LINES_ELSEWHERE_PERCENT = 90

function readSummary (): Map<string, FileSummary> {
  const tap = join(root, 'node_modules/tap/dist/esm/run.mjs')
  const run = spawnSync(process.execPath, [tap, 'report', 'json-summary', '--allow-incomplete-coverage'], { cwd: root, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`no coverage to read, run \`npm test\` first\n${run.stdout}${run.stderr}`)
  const json = JSON.parse(readFileSync(join(root, '.tap/report/coverage-summary.json'), 'utf8')) as Record<string, FileSummary>
  return new Map(Object.entries(json).map(([file, summary]) => [relative(root, file).replaceAll('\\', '/'), summary]))
}

/** Types are never loaded, since nothing of them is left when they are stripped; and a list of exports has nothing to cover. */
function hasCode (file: string): boolean {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest)
  return !source.statements.every(statement => ts.isTypeAliasDeclaration(statement) || ts.isInterfaceDeclaration(statement) ||
    (ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly === true) ||
    (ts.isExportDeclaration(statement) && (statement.isTypeOnly || statement.moduleSpecifier !== undefined)) ||
    (ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name)))
}

function faultOf (file: string, summary: FileSummary | undefined): string | null {
  if (summary === undefined) return `${file}: no test loads it`
  const { lines, branches } = summary
  if (EVERY_BRANCH.test(file)) {
    const complete = branches.covered === branches.total && lines.covered === lines.total
    return complete ? null : `${file}: ${branches.covered} of ${branches.total} branches, ${lines.covered} of ${lines.total} lines; all are wanted here`
  }
  return lines.pct >= LINES_ELSEWHERE_PERCENT ? null : `${file}: ${lines.pct} % of the lines, ${LINES_ELSEWHERE_PERCENT} % are wanted`
}

const summaries = readSummary()
const files = globSync('{src,plugins}/**/*.ts', { cwd: root }).map(file => file.replaceAll('\\', '/')).sort().filter(hasCode)
const faults = files.map(file => faultOf(file, summaries.get(file))).filter(fault => fault !== null)
for (const fault of faults) console.log(fault)
console.log(`coverage: ${files.length} files, ${faults.length} below their bound`)
process.exitCode = faults.length === 0 ? 0 : 1
