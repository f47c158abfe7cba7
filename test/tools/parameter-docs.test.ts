import t from 'tap'
import { join } from 'node:path'
import { knownParameters } from '../../src/profile/parameters/known.ts'
import { differences, pageName, renderReference } from '../../tools/parameter-docs.ts'

t.test('the reference says what the entries say', async t => {
  t.strictSame(differences(join(import.meta.dirname, '../../docs/reference'), renderReference()), [])
})

t.test('each parameter has a page with its meaning, value, default and source', async t => {
  const pages = renderReference()
  for (const schema of knownParameters) {
    const page = pages.get(`parameters/${pageName(schema.name)}`)
    t.ok(page?.startsWith(`# ${schema.name}\n`), schema.name)
    t.ok(page?.includes(schema.description) && page.includes(schema.example) && page.includes(schema.source ?? '| source |'), schema.name)
    if (schema.kind === 'structured') for (const key of Object.keys(schema.keys)) t.ok(page?.includes(`| \`${key}\` |`), `${schema.name} ${key}`)
  }
  t.equal(pageName('icm/server_port_<xx>'), 'icm--server_port_xx.md')
  t.equal(pageName('wdisp/ri/*'), 'wdisp--ri--all.md')
})

t.test('a page that differs, is missing or is left over is found', async t => {
  const directory = t.testdir({ parameters: { 'a.md': 'old', 'left.md': '' } })
  t.strictSame(differences(directory, new Map([['parameters/a.md', 'new'], ['parameters/b.md', '']])), ['parameters/a.md is not up to date', 'parameters/b.md is not up to date', 'parameters/left.md belongs to no parameter'])
  t.strictSame(differences(join(directory, 'nowhere'), new Map()), [])
})
