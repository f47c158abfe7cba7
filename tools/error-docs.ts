/**
 * Writes docs/reference/errors.md from the table in src/errors.ts; with `--check` it only compares and names the difference.
 * The table is read as source text: its sections are comments, and @fastify/error keeps the pattern of a message to itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { writeOrCheck } from './generated-file.ts'

const root = join(import.meta.dirname, '..')
const TABLE = 'src/errors.ts'

interface Entry {
  readonly section: string
  readonly code: string
  readonly message: string
  readonly status: string
}

/** Returns the entries in the order of the table. */
function readTable (text: string): Entry[] {
  const source = ts.createSourceFile(TABLE, text, ts.ScriptTarget.Latest, true)
  const entries: Entry[] = []
  let section = ''
  const visit = (node: ts.Node): void => {
    if (!ts.isPropertyAssignment(node) || !ts.isCallExpression(node.initializer)) return ts.forEachChild(node, visit)
    section = sectionAbove(text, node) ?? section
    entries.push(readEntry(section, node.name.getText(), node.initializer))
  }
  visit(source)
  return entries
}

function sectionAbove (text: string, node: ts.Node): string | null {
  const comments = ts.getLeadingCommentRanges(text, node.pos) ?? []
  const titles = comments.map(({ pos, end }) => /^\/\/ -{3} (.+?) -+$/.exec(text.slice(pos, end))?.[1])
  return titles.findLast(title => title !== undefined) ?? null
}

function readEntry (section: string, key: string, call: ts.CallExpression): Entry {
  const [code, message, status] = call.arguments
  if (code === undefined || message === undefined || !ts.isStringLiteralLike(code) || !ts.isStringLiteralLike(message)) {
    throw new Error(`${TABLE}: ${key}: code and message must be plain strings`)
  }
  if (code.text !== `POSTERN_ERR_${key}`) throw new Error(`${TABLE}: ${key} has the code ${code.text}, expected POSTERN_ERR_${key}`)
  return { section, code: code.text, message: message.text, status: status?.getText() ?? '' }
}

function render (entries: readonly Entry[]): string {
  const lines = [
    '# Error codes', '',
    `Generated from \`${TABLE}\` by \`npm run docs\`; do not edit.`, '',
    'A code is API: it is added freely and renamed never. Match on `code`. An error with a status reaches the network, so its message',
    'names no address, no distinguished name and no text of a library; the others are for the administrator. `…` stands for a value.'
  ]
  for (const [section, rows] of Map.groupBy(entries, entry => entry.section)) {
    lines.push('', `## ${section}`, '', '| code | status | message |', '| --- | --- | --- |')
    for (const { code, status, message } of rows) lines.push(`| \`${code}\` | ${status} | ${cell(message)} |`)
  }
  return lines.join('\n') + '\n'
}

function cell (text: string): string {
  return text.replaceAll('%%', '%').replaceAll(/%[sdj]/g, '…').replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
}

writeOrCheck(root, 'docs/reference/errors.md', render(readTable(readFileSync(join(root, TABLE), 'utf8'))))
