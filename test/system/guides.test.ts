import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { blocksOf, isAsShown, root, runGuide } from '../helpers/guide.ts'
import { bundle } from '../helpers/landscape.ts'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'

// one guide builds the package
t.setTimeout(600_000)

// docs/guides/container.md needs a Docker engine: `npm run test:docker`
for (const guide of ['first-start', 'terminate-and-reencrypt', 'cascade', 'reverse-invoke', 'plugins', 'from-sapgenpse', 'from-pem-and-acme', 'renewal-without-downtime']) {
  t.test(`the guide ${guide} does what it says`, async t => { await runGuide(t, `docs/guides/${guide}.md`) })
}

t.test('the profile of the README has no errors, and its commands are understood', async t => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = blocksOf(readme)
  const index = blocks.findIndex(({ text }) => text.startsWith('SAPSYSTEMNAME'))
  const directory = mkdtempSync(join(tmpdir(), 'postern-readme-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  const profile = join(directory, 'webdisp.pfl')
  writeFileSync(profile, blocks[index]?.text ?? '')
  const pki = await mintPki(t)
  for (const [name, identity] of [['SAPSSLS.pse', pki.server], ['SAPSSLC.pse', pki.gateway]] as const) {
    writeFileSync(join(directory, name), bundle(identity), { mode: 0o600 })
  }
  const commands = (blocks[index + 1]?.text ?? '').split('\n').filter(line => line.startsWith('npm start'))
  t.equal(commands.length, 3)
  for (const command of commands) {
    // what runs is checked, and opens no port
    const line = command.replace(/ *#.*$/, '').replace('webdisp.pfl', profile).replace(/ -checkconfig$/, '')
    const { code, stdout } = await runToEnd('bash', ['-c', `${line} -checkconfig`], { cwd: root, env: { ...process.env, SECUDIR: directory } })
    t.equal(code, 0, command)
    t.match(stdout, 'HTTPS *:44310')
    t.match(stdout, 'result: no errors')
    t.match(stdout, command.endsWith('verify_client=2') ? 'verify_client=2' : 'verify_client=1')
  }
})

t.test('an output is compared with what a guide shows', async t => {
  const cases: Array<[output: string, shown: string, same: boolean]> = [
    ['a\nb\n', 'a\nb', true],
    ['a\nb\nc\n', 'a\nb', false],
    ['a\n', 'a\nb', false],
    ['a: \r\nb\n', 'a:\nb', true],
    ['port 1234 is open', 'port ... is open', true],
    ['port 1234\nis open', 'port ... is open', false],
    ['x\na\nb\n\nc', '...\na\n...\nc', true],
    ['a\nc', 'a\n...\nc', true],
    ['a\nb', 'a\n...\nc', false],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false]
  ]
  for (const [output, shown, same] of cases) t.equal(isAsShown(output, shown), same, `${JSON.stringify(output)} and ${JSON.stringify(shown)}`)
})
