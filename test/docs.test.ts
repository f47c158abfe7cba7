import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../', import.meta.url))
const pages = globSync(['*.md', 'docs/**/*.md', 'src/**/*.md', 'profiles/*.md', 'benchmarks/**/*.md'], { cwd: root }).sort()
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** A text without fenced blocks and code spans, which hold no links. */
function proseOf (text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, 'code')
}

/** What a heading is called in a link, as GitHub makes it. */
function anchorsOf (text: string): string[] {
  const headings = [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)]
  return headings.map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-'))
}

t.test('every relative link leads to a file, and to a heading where it names one', async t => {
  let count = 0
  for (const page of pages) {
    for (const [, link = ''] of proseOf(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      count++
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), decodeURI(path))
      t.ok(existsSync(join(root, target)), `${page} links to ${link}`)
      if (anchor !== undefined && target.endsWith('.md') && existsSync(join(root, target))) {
        t.ok(anchorsOf(textOf(target)).includes(anchor), `${page} links to ${link}, a heading`)
      }
    }
  }
  t.ok(count > 50, 'links were found')
})

t.test('every guide is named in the README', async t => {
  const readme = textOf('README.md')
  for (const guide of globSync('docs/guides/*.md', { cwd: root })) t.ok(readme.includes(`](${guide})`), guide)
})

t.test('the README names every plugin of the package, and no other', async t => {
  const readme = textOf('README.md')
  const { exports } = JSON.parse(textOf('package.json')) as { exports: Record<string, unknown> }
  const plugins = Object.keys(exports).filter(name => name.startsWith('./plugins/')).map(name => name.replace('.', 'postern'))
  for (const plugin of plugins) t.ok(readme.includes(`\`${plugin}\``), plugin)
  for (const [, named = ''] of readme.matchAll(/`(postern\/plugins\/[\w-]+)`/g)) t.ok(plugins.includes(named), `${named} is exported`)
})

t.test('the README is short enough to be read', async t => {
  const lines = textOf('README.md').trimEnd().split('\n').length
  t.ok(lines >= 100 && lines <= 300, `${lines} lines`)
})

t.test('no page names a path of the machine that it was written on', async t => {
  for (const page of pages) t.notMatch(textOf(page), /\/(?:home|Users|root|work|workspace)\/\w/, page)
})
