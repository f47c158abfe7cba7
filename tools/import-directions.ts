/**
 * Reads the imports of `src` and `plugins` and names those that run against the house plan: `cli -> gateway -> plugins -> domain rooms`,
 * domain rooms without Fastify, sockets and files, plugins without other plugins. See docs/architecture.md.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'

/** One import as it stands in a file. */
export interface Import {
  /** File of the import, relative to the project, with `/`. */
  readonly file: string
  /** A file of the project, relative to it, or the name of a package. */
  readonly target: string
  /** Names of the values imported; empty for a type import. `*` stands for the whole module. */
  readonly values: readonly string[]
}

type Layer = 'program' | 'gateway' | 'plugin' | 'room' | 'base'

/** What a layer may import from within the project. `base` is src/errors.ts, src/options.ts, src/logger.ts: no room, used by all. */
const MAY_IMPORT: Readonly<Record<Layer, readonly Layer[]>> = {
  program: ['program', 'gateway', 'plugin', 'room', 'base'],
  gateway: ['gateway', 'plugin', 'room', 'base'],
  plugin: ['room', 'base'],
  room: ['room', 'base'],
  base: ['base']
}

/** Types of the plan are data that every layer is handed; importing them couples nothing. */
const PLAN_TYPES = 'src/gateway/plan.ts'

const FASTIFY = /^(fastify$|fastify-plugin$|@fastify\/(?!error$))/
const SOCKETS_AND_FILES = /^node:(net|tls|http|https|http2|dgram|dns|fs|child_process|cluster|worker_threads)(\/|$)/

/** Functions of those modules that compute and touch neither a socket nor a file. */
const PURE = new Set([
  'isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress', 'rootCertificates', 'checkServerIdentity', 'getCiphers', 'METHODS', 'STATUS_CODES',
  'validateHeaderName', 'validateHeaderValue', 'constants'
])

/**
 * Rooms whose subject is one of those modules. `tls` and `upstream` make contexts and connectors; `initiator` dials the acceptors of
 * reverse invoke.
 */
const SUBJECT: Readonly<Record<string, readonly string[]>> = {
  tls: ['node:tls'],
  upstream: ['node:tls', 'node:net'],
  initiator: ['node:dns/promises', 'node:http', 'node:net', 'node:tls']
}

/** The only places that know pkijs: it is large, and its types are not ours. */
const KNOWS_PKIJS = /^src\/(x509|pse)\/|^src\/tls\/platform-check\.ts$/

/** Returns every import of the files, relative paths resolved. */
export function readImports (root: string, files: readonly string[]): Import[] {
  return files.flatMap(file => {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest)
    const found: Import[] = []
    const visit = (node: ts.Node): void => {
      const entry = importOf(file, node)
      if (entry !== null) found.push(entry)
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

function importOf (file: string, node: ts.Node): Import | null {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { file, target: targetOf(file, node.moduleSpecifier.text), values: valuesOf(node.importClause) }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    return { file, target: targetOf(file, node.moduleSpecifier.text), values: node.isTypeOnly ? [] : ['*'] }
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments
    if (argument !== undefined && ts.isStringLiteral(argument)) return { file, target: targetOf(file, argument.text), values: ['*'] }
  }
  return null
}

function targetOf (file: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(dirname(file), specifier) : specifier
}

function valuesOf (clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) return ['*']
  if (clause.isTypeOnly) return []
  const names: string[] = clause.name === undefined ? [] : ['*']
  const bindings = clause.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return ['*']
  return [...names, ...bindings.elements.filter(element => !element.isTypeOnly).map(element => (element.propertyName ?? element.name).text)]
}

/** Returns one sentence for each import that breaks a rule; none when the plan holds. */
export function brokenDirections (imports: readonly Import[]): string[] {
  return imports.flatMap(entry => faultsOf(entry).map(fault => `${entry.file} imports ${entry.target}: ${fault}`))
}

function faultsOf (entry: Import): string[] {
  const from = layerOf(entry.file)
  const faults: string[] = []
  const isProjectFile = /^(src|plugins)\//.test(entry.target)
  if (isProjectFile && !isSharedType(entry)) {
    const to = layerOf(entry.target)
    if (from === 'plugin' && to === 'plugin' && entry.file !== entry.target) faults.push('a plugin imports no other plugin')
    else if (!MAY_IMPORT[from].includes(to)) faults.push(`${from} must not depend on ${to}`)
  }
  if (entry.target.includes('node_modules') || /^\.\.|^(test|tools|benchmarks)\//.test(entry.target)) faults.push('outside src and plugins')
  if (/^(pkijs|asn1js)$/.test(entry.target) && !KNOWS_PKIJS.test(entry.file)) faults.push('pkijs is known in x509 and pse only')
  if (from === 'room') faults.push(...roomFaults(entry))
  return faults
}

/** The base layer may name types of rooms too (a serializer of certificates in src/logger.ts), never their code. */
function isSharedType ({ file, target, values }: Import): boolean {
  return values.length === 0 && (target === PLAN_TYPES || (layerOf(file) === 'base' && layerOf(target) === 'room'))
}

function roomFaults (entry: Import): string[] {
  if (FASTIFY.test(entry.target)) return ['a domain room knows no Fastify']
  if (!SOCKETS_AND_FILES.test(entry.target)) return []
  const impure = entry.values.filter(name => !PURE.has(name))
  const room = entry.file.split('/')[1] ?? ''
  if (impure.length === 0 || SUBJECT[room]?.includes(entry.target) === true) return []
  if (/^node:fs(\/|$)/.test(entry.target)) {
    return entry.file.endsWith('/load.ts') ? [] : ['a domain room reads files in load.ts only']
  }
  return [`a domain room opens no socket and no process (${impure.join(', ')})`]
}

function layerOf (file: string): Layer {
  if (file.startsWith('plugins/')) return 'plugin'
  if (file.startsWith('src/gateway/')) return 'gateway'
  if (/^src\/(postern|cli|index)\.ts$|^src\/(demo|cli|pse-tool)\//.test(file)) return 'program'
  return /^src\/[^/]+\.ts$/.test(file) ? 'base' : 'room'
}

/** The files that the rules are about, in order of their names. */
export function productFiles (root: string): string[] {
  return globSync('{src,plugins}/**/*.ts', { cwd: root }).map(file => file.replaceAll('\\', '/')).sort()
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const faults = brokenDirections(readImports(root, productFiles(root)))
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
