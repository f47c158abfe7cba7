/**
 * Runs a guide as a person would: its `sh` blocks are typed, in order, into one shell in the checkout, so that variables and background
 * processes last until the guide ends.
 *
 * - A `js` block is saved in the shell's directory under the name that its first line gives: `// gateway.js`.
 * - A `text` block is the whole output of the `sh` block before it. `...` in it stands for anything within a line, a line of its own
 *   for any number of lines.
 * - `npm ci` is not repeated: it installed what runs this test, and would take it away.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** The checkout. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A fenced block of a Markdown file. */
export interface Block {
  /** Empty for a block without one. */
  readonly language: string
  readonly text: string
  /** Line of the opening fence. */
  readonly line: number
}

/** One `sh` or `js` block, with what the guide says it prints. */
interface Step {
  readonly block: Block
  readonly expected: Block | null
}

/** The fenced blocks of a Markdown text, in order. */
export function blocksOf (markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\S*)[^\n]*\n(.*?)^```$/gms)].map(({ 1: language = '', 2: text = '', index }) =>
    ({ language, text, line: markdown.slice(0, index).split('\n').length }))
}

/** Whether an output is what a guide shows. */
export function isAsShown (output: string, shown: string): boolean {
  const pattern = shown.trim().split('\n')
    .map(line => line.trim() === '...' ? '(?:.*\\n)*?' : `${line.trimEnd().split('...').map(literal).join('.*')}[ \\t]*\\n`).join('')
  return new RegExp(`^${pattern}$`).test(`${output.replaceAll('\r', '').trim()}\n`)
}

function literal (text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** Runs the guide of a path below the checkout, one assertion per block. */
export async function runGuide (t: Test, path: string): Promise<void> {
  const steps = stepsOf(readFileSync(join(root, path), 'utf8'))
  t.ok(steps.length > 0, `${path} has commands`)
  const mark = `--- ${crypto.randomUUID()}`
  const printed = (await runShell(t, scriptOf(steps, mark))).split(`${mark}\n`).slice(1)
  for (const [index, { block, expected }] of steps.entries()) {
    const output = printed[index] ?? ''
    const where = { file: path, line: block.line, output }
    if (printed[index + 1] === undefined) {
      t.fail(`${path}:${block.line} runs`, { ...where, commands: block.text })
      return
    }
    if (expected === null) t.pass(`${path}:${block.line} runs`)
    else t.ok(isAsShown(output, expected.text), `${path}:${block.line} prints what line ${expected.line} shows`, { ...where, shown: expected.text })
  }
}

function stepsOf (markdown: string): Step[] {
  const blocks = blocksOf(markdown)
  return blocks.flatMap((block, index) => {
    const next = blocks[index + 1]
    if (block.language === 'sh') return [{ block, expected: next?.language === 'text' ? next : null }]
    return block.language === 'js' ? [{ block, expected: null }] : []
  })
}

/** Each block behind a mark, and one mark after the last. A block that fails ends the script. */
function scriptOf (steps: readonly Step[], mark: string): string {
  const lines = steps.map(({ block }) => `printf '%s\\n' '${mark}'\n${block.language === 'js' ? saved(block) : typed(block)}`)
  return `exec 2>&1\n${lines.join('')}printf '%s\\n' '${mark}'\n`
}

function typed ({ text }: Block): string {
  return text.replaceAll(/^npm ci\b.*$/gm, ': installed')
}

function saved ({ text, line }: Block): string {
  const name = /^\/\/ ([\w.-]+\.js)\n/.exec(text)?.[1]
  if (name === undefined) throw new Error(`the js block at line ${line} has no file name in its first line`)
  return `cat > ${name} <<'END OF ${name}'\n${text}END OF ${name}\n`
}

/** What the shell and its programs printed. Programs that still run when the shell has ended are ended too, and waited for. */
async function runShell (t: Test, script: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-guide-'))
  t.teardown(() => { rmSync(directory, { recursive: true, force: true }) })
  const file = join(directory, 'guide.sh')
  writeFileSync(file, script)
  // TMPDIR: whatever a guide makes with mktemp goes with the directory
  const shell = spawn('bash', ['-eu', '-o', 'pipefail', file], { cwd: root, env: { ...process.env, TMPDIR: directory }, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const group = -(shell.pid as number)
  const end = (): void => {
    try {
      process.kill(group, 'SIGTERM')
    } catch { /* nothing of it is left */ }
  }
  process.once('SIGTERM', end)
  shell.once('exit', end)
  const [output] = await Promise.all([text(shell.stdout), once(shell, 'close')])
  process.removeListener('SIGTERM', end)
  return output
}
