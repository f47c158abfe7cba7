/**
 * Reports the sizes of files and functions of `src` and `plugins`. A report and no bound: a long file asks for a second look, not for
 * a worse split.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { productFiles } from './import-directions.ts'

const LONG_FILE_LINES = 350
const LONG_FUNCTION_LINES = 40

interface Sized { readonly name: string, readonly lines: number }

const root = join(import.meta.dirname, '..')

function functionsOf (file: string, text: string): Sized[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: Sized[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line
      const last = source.getLineAndCharacterOfPosition(node.end).line
      found.push({ name: `${file}:${first + 1} ${node.name?.getText() ?? ''}`.trimEnd(), lines: last - first + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function line (what: string, sizes: readonly Sized[], bound: number): void {
  const sorted = sizes.map(size => size.lines).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  console.log(`${sizes.length} ${what}: median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)} lines`)
  for (const { name, lines } of sizes.filter(size => size.lines > bound)) console.log(`  ${lines} lines: ${name}`)
}

const texts = productFiles(root).map(file => ({ file, text: readFileSync(join(root, file), 'utf8') }))
line('files', texts.map(({ file, text }) => ({ name: file, lines: text.split('\n').length - 1 })), LONG_FILE_LINES)
line('functions', texts.flatMap(({ file, text }) => functionsOf(file, text)), LONG_FUNCTION_LINES)
