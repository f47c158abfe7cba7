/**
 * Writes `docs/reference/parameters/` and `docs/reference/findings.md` from the parameter entries and the tables of codes.
 *
 * `node tools/parameter-docs.ts` writes the pages, `node tools/parameter-docs.ts --check` fails when a page differs, is missing or is left over.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { planFindingCodes } from '../src/gateway/plan/finding-codes.ts'
import { findingCodes } from '../src/profile/finding-codes.ts'
import { parameterFindingCodes } from '../src/profile/parameters/finding-codes.ts'
import { knownParameters } from '../src/profile/parameters/known.ts'
import type { Entry, Group, ParameterSchema, StructuredSchema, SubParameterSchema } from '../src/profile/parameters/schema.ts'

const folder = 'parameters'
const generated = '<!-- Made by tools/parameter-docs.ts from src/profile/parameters/. Do not edit. -->'
const groups: Readonly<Record<Group, string>> = {
  system: 'Instance', icm: 'Ports, header fields, limits, handlers', ssl: 'Identities and ciphers', wdisp: 'Systems and back ends', postern: 'Postern\'s own'
}

/** File name of a parameter's page: `icm--server_port_xx.md`. */
export function pageName (name: string): string {
  return `${name.replaceAll('/', '--').replaceAll(/[<>]/g, '').replaceAll('*', 'all')}.md`
}

/** All pages by their path below `docs/reference`. */
export function renderReference (): Map<string, string> {
  return new Map([
    [`${folder}/README.md`, renderIndex()],
    ...knownParameters.map((schema): [string, string] => [`${folder}/${pageName(schema.name)}`, renderParameter(schema)]),
    ['findings.md', renderFindings()]
  ])
}

function renderIndex (): string {
  const sections = (Object.keys(groups) as Group[]).map(group => [
    `## ${groups[group]}`, '',
    '| parameter | default | |', '| --- | --- | --- |',
    ...knownParameters.filter(schema => schema.group === group).toSorted((a, b) => a.name < b.name ? -1 : 1)
      .map(schema => `| [\`${schema.name}\`](${pageName(schema.name)}) | ${code(defaultOf(schema))} | ${cell(summary(schema))} |`),
    ''
  ])
  return lines([
    '# Parameters of a profile', '', generated, '',
    'One page for each parameter that Postern knows. `_<xx>` stands for an index without leading zero, `*` for anything. Parameters that only other',
    'programs of an SAP system use (`Start_Program_<nn>`, `SETENV_<nn>`, `rdisp/...`, `DIR_...` and others) are kept without a word; any other unknown',
    'name is warned about. A parameter that restricts something and is not served stops the start unless',
    `[\`postern/accept_unserved\`](${pageName('postern/accept_unserved')}) names it.`, '',
    ...sections.flat()
  ])
}

function renderParameter (schema: ParameterSchema): string {
  const rows: Array<[string, string]> = [
    ['value', schema.kind === 'plain' ? schema.type.form : `sub-parameters: ${formOf(schema)}`],
    ...schema.unit === null ? [] : [['unit', schema.unit] as [string, string]],
    ['default', code(defaultOf(schema))],
    ['in Postern', statusOf(schema)],
    ['changes at run time', schema.dynamic ? 'SAP Web Dispatcher can change it while it runs; Postern reads its profile at start' : 'no'],
    ['source', schema.source === null ? (schema.group === 'postern' ? 'Postern\'s own parameter' : 'known from profiles only') : `<${schema.source}>`]
  ]
  return lines([
    `# ${schema.name}`, '', generated, '', schema.description, '',
    '| | |', '| --- | --- |', ...rows.map(([name, value]) => `| ${name} | ${cell(value)} |`), '',
    '```', schema.example, '```', '',
    ...schema.kind === 'structured' ? renderKeys(schema) : []
  ])
}

function renderKeys ({ keys, toEnd }: StructuredSchema): string[] {
  return [
    '| key | value | default | meaning |', '| --- | --- | --- | --- |',
    ...Object.entries(keys).map(([key, entry]) => `| \`${key}\` | ${cell(valueOf(entry))} | ${entry.required ? 'mandatory' : code(entry.default)} | ${cell(meaningOf(entry))} |`),
    '',
    'A value with commas or equal signs stands in straight double quotes: `KEY="a, b"`. A key that is not in the table stops the start.',
    ...toEnd === null ? [] : [`The value of \`${toEnd}\` reaches to the end of the line, or to a comma with another key behind it.`],
    ''
  ]
}

function renderFindings (): string {
  const table = (codes: Readonly<Record<string, string>>): string[] => ['| code | meaning |', '| --- | --- |', ...Object.entries(codes).map(([name, meaning]) => `| \`${name}\` | ${cell(meaning)} |`), '']
  return lines([
    '# Findings', '', generated, '',
    'What `-checkconfig` and the start report. `POSTERN_ERR_` stops the start, `POSTERN_WARN_` does not and should be looked at, `POSTERN_INFO_` is for information.', '',
    '## Reading the profile', '', ...table(findingCodes),
    '## Parameters', '', ...table(parameterFindingCodes),
    '## Plan', '', ...table(planFindingCodes)
  ])
}

function formOf ({ keys }: StructuredSchema): string {
  return Object.entries(keys).filter(([, { status }]) => status === 'served').map(([key, { required }]) => required ? `${key}=` : `[${key}=]`).join(', ')
}

function valueOf ({ type, unit }: SubParameterSchema): string {
  return unit === null ? type.form : `${type.form}, in ${unit}`
}

function meaningOf (entry: Entry): string {
  return entry.status === 'served' ? entry.description : `${entry.description} ${sentence(statusOf(entry))}`
}

function statusOf ({ status, because }: Entry): string {
  return status === 'served' ? status : `${status}: ${because}`
}

function summary (schema: ParameterSchema): string {
  const first = /^.*?[.:](?=\s|$)/s.exec(schema.description)?.[0] ?? schema.description
  return schema.status === 'served' ? first.replace(/:$/, '.') : `${first.replace(/:$/, '.')} *${sentence(schema.status).slice(0, -1)}.*`
}

function defaultOf (schema: ParameterSchema): string | null {
  return schema.kind === 'plain' ? schema.default : null
}

function sentence (text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function code (value: string | null): string {
  return value === null ? 'none' : `\`${value}\``
}

function cell (text: string): string {
  // outside of code, <xx> would be an HTML element
  return text.replaceAll('|', '\\|').replaceAll(/(?<![`<\w])([\w/]*)<(\w+)>/g, (match, before: string, name: string) => `${before}&lt;${name}&gt;`)
}

function lines (parts: readonly string[]): string {
  return `${parts.join('\n').trimEnd()}\n`
}

/** The pages below `directory` that do not say what the entries say, each with what is wrong. */
export function differences (directory: string, pages: ReadonlyMap<string, string>): string[] {
  const wrong = [...pages].filter(([path, text]) => readOrNull(join(directory, path)) !== text).map(([path]) => `${path} is not up to date`)
  const left = filesOf(join(directory, folder)).filter(file => !pages.has(`${folder}/${file}`)).map(file => `${folder}/${file} belongs to no parameter`)
  return [...wrong, ...left]
}

function writePages (directory: string, pages: ReadonlyMap<string, string>): void {
  rmSync(join(directory, folder), { recursive: true, force: true })
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
}

function filesOf (directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function readOrNull (path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

if (import.meta.main) {
  const directory = join(import.meta.dirname, '..', 'docs', 'reference')
  const pages = renderReference()
  if (process.argv.includes('--check')) {
    const found = differences(directory, pages)
    for (const fault of found) console.error(`docs/reference/${fault}; run node tools/${basename(import.meta.filename)}`)
    process.exitCode = found.length === 0 ? 0 : 1
  } else {
    writePages(directory, pages)
  }
}
