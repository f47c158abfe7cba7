import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { filesOf, WatchedFiles } from '../../src/gateway/watched-files.ts'
import { buildDirectory } from '../helpers/gateway.ts'
import { planOfText } from '../helpers/profile-plan.ts'

const intervalMs = 10

/** Tells of changes, one after the other. */
function watch (t: Test, paths: readonly string[], since = Infinity) {
  let change = Promise.withResolvers<void>()
  let changes = 0
  const files = new WatchedFiles({ paths, intervalMs, since, onChange: () => { changes++; change.resolve() } })
  t.teardown(() => { files.stop() })
  const next = async (): Promise<void> => {
    await change.promise
    change = Promise.withResolvers()
  }
  return { files, next, changes: () => changes }
}

t.test('a change is told once, whatever kind it is of', async t => {
  const directory = buildDirectory(t, { 'a.pem': 'a', 'crls/1.crl': 'one' })
  const [file, link, crls, missing] = [join(directory, 'a.pem'), join(directory, 'link'), join(directory, 'crls'), join(directory, 'missing')]
  mkdirSync(join(directory, 'v1'))
  mkdirSync(join(directory, 'v2'))
  for (const version of ['v1', 'v2']) writeFileSync(join(directory, version, 'tls.pem'), 'same size')
  symlinkSync('v1', link)
  const { files, next, changes } = watch(t, [file, join(link, 'tls.pem'), crls, missing])
  await files.start()
  const steps: Array<[what: string, change: () => void]> = [
    ['written', () => { writeFileSync(file, 'another') }],
    ['renamed over', () => { writeFileSync(`${file}.new`, 'another'); renameSync(`${file}.new`, file) }],
    ['its rights', () => { chmodSync(file, 0o400) }],
    ['a link on the way', () => { symlinkSync('v2', `${link}.new`); renameSync(`${link}.new`, link) }],
    ['a new file of a directory', () => { writeFileSync(join(crls, '2.crl'), 'two') }],
    ['one file of a directory', () => { writeFileSync(join(crls, '1.crl'), 'ONE') }],
    ['a link that leads nowhere', () => { symlinkSync('nowhere', join(crls, '3.crl')) }],
    ['what was not there', () => { writeFileSync(missing, '') }],
    ['what is no more', () => { rmSync(file) }]
  ]
  for (const [index, [what, change]] of steps.entries()) {
    change()
    await next()
    t.equal(changes(), index + 1, what)
  }
  writeFileSync(join(crls, '.hidden'), '')
  writeFileSync(missing, 'last')
  await next()
  t.equal(changes(), steps.length + 1, 'hidden files are none')
})

t.test('what has changed between loading and the first look is told', async t => {
  const directory = buildDirectory(t, { a: '', 'crls/1.crl': '' })
  for (const path of ['a', 'crls']) {
    const late = watch(t, [join(directory, path)], Date.now() - 60_000)
    await late.files.start()
    await late.next()
    t.equal(late.changes(), 1)
  }
})

t.test('nothing is told after the end', async t => {
  const directory = buildDirectory(t, { a: '' })
  const { files, changes } = watch(t, [join(directory, 'a')])
  const control = watch(t, [join(directory, 'a')])
  await files.start()
  await control.files.start()
  files.stop()
  await files.start()
  writeFileSync(join(directory, 'a'), 'changed')
  await control.next()
  t.equal(changes(), 0)
})

t.test('the files of a plan: identities with their PINs and trust lists, revocation lists', async t => {
  const { plan } = planOfText(`icm/server_port_0 = PROT=HTTPS, PORT=443
ssl/server_pse = server.pse
ssl/client_pse = client.pse
postern/pin_0 = PSE=client.pse, FILE=pin
postern/pin_1 = PSE=client.pse, ENV=PIN
postern/trust_0 = PSE=client.pse, CERTS=cas
postern/crl_0 = crls
wdisp/system_0 = SID=ABC, EXTSRV=https://a.example
`, { secudir: '/sec' })
  t.strictSame(filesOf(plan!), ['/sec/server.pse', '/sec/cred_v2', '/sec/client.pse', '/sec/pin', '/sec/cas', '/sec/crls'])
})
