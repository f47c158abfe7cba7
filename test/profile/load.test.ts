import t from 'tap'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { limits } from '../../src/profile/limits.ts'
import { loadProfile, loadServices } from '../../src/profile/load.ts'

t.test('DEFAULT.PFL beside the profile is evaluated first', async t => {
  const dir = t.testdir({ 'DEFAULT.PFL': 'a = default\nb = default', 'wd.pfl': 'a = instance' })
  const { parameters, findings } = await loadProfile(join(dir, 'wd.pfl'), ['c=line'])
  t.strictSame(findings, [])
  t.match([...parameters.values()], [
    { name: 'a', value: 'instance', origin: { file: join(dir, 'wd.pfl'), line: 1 } },
    { name: 'b', value: 'default', origin: { file: join(dir, 'DEFAULT.PFL'), line: 2 } },
    { name: 'c', value: 'line', origin: { file: null } }
  ])
})

t.test('DEFAULT.PFL need not be there, and is not read twice', async t => {
  const dir = t.testdir({ 'wd.pfl': 'a = 1\na = 2' })
  const alone = await loadProfile(join(dir, 'wd.pfl'))
  t.match(alone.findings, [{ code: 'POSTERN_WARN_PROFILE_DUPLICATE' }])
  const defaults = t.testdir({ 'DEFAULT.PFL': 'a = 1' })
  const itself = await loadProfile(join(defaults, 'DEFAULT.PFL'))
  t.equal(itself.parameters.get('a')?.value, '1')
  t.strictSame(itself.findings, [])
})

t.test('bytes are decoded by the rules of the language', async t => {
  const dir = t.testdir({ 'wd.pfl': Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x3d, 0xe9, 0x0d, 0x0a]) })
  const { parameters, findings } = await loadProfile(join(dir, 'wd.pfl'))
  t.equal(parameters.get('a')?.value, 'é')
  t.match(findings, [{ code: 'POSTERN_WARN_PROFILE_ENCODING', line: 1 }])
})

t.test('variables come from the machine and the process, or from the caller', async t => {
  const dir = t.testdir({ 'wd.pfl': 'a = $(SAPLOCALHOST)$(DIR_SEP)\nb = $(SAPLOCALHOSTFULL)\nSETENV_00 = P=%(PATH)' })
  const machine = await loadProfile(join(dir, 'wd.pfl'))
  const short = hostname().split('.')[0]!
  t.equal(machine.parameters.get('a')?.value, `${short}${sep}`)
  t.ok(machine.parameters.get('b')?.value.startsWith(short))
  t.equal(machine.environment.get('P'), process.env.PATH)
  const given = await loadProfile(join(dir, 'wd.pfl'), [], { hostname: 'h', fullHostname: 'h.example.com', env: { PATH: '/bin' } })
  t.equal(given.parameters.get('b')?.value, 'h.example.com')
  t.equal(given.environment.get('P'), '/bin')
})

t.test('a profile that can\'t be read is an error with its reason', async t => {
  const dir = t.testdir({ 'large.pfl': '', directory: {}, file: '' })
  writeFileSync(join(dir, 'large.pfl'), Buffer.alloc(limits.profileSize + 1, '\n'))
  execFileSync('mkfifo', [join(dir, 'pipe')])
  const rows: Array<[name: string, message: RegExp]> = [
    ['missing.pfl', /no such file$/],
    ['file/wd.pfl', /no such file$/],
    ['directory', /not a regular file$/],
    ['pipe', /not a regular file$/],
    ['large.pfl', /4194305 bytes$/],
    ['nul\0', /ERR_INVALID_ARG_VALUE$/]
  ]
  for (const [name, message] of rows) {
    const { parameters, findings } = await loadProfile(join(dir, name), ['a=1'])
    t.match(findings.filter(({ file }) => file === join(dir, name)), [{ severity: 'error', code: 'POSTERN_ERR_PROFILE_FILE', line: null, message }], name)
    t.strictSame([...parameters.keys()], ['a'], 'the command line is read all the same')
  }
})

t.test('a DEFAULT.PFL that is there but can\'t be read is an error', async t => {
  const dir = t.testdir({ 'DEFAULT.PFL': {}, 'wd.pfl': 'a = 1' })
  t.match((await loadProfile(join(dir, 'wd.pfl'))).findings, [{ severity: 'error', code: 'POSTERN_ERR_PROFILE_FILE', file: join(dir, 'DEFAULT.PFL') }])
})

t.test('a profile without permission is an error', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-profile-'))
  t.teardown(() => { rmSync(dir, { recursive: true }) })
  chmodSync(dir, 0o755)
  writeFileSync(join(dir, 'wd.pfl'), 'a = 1', { mode: 0 })
  const uid = process.geteuid?.()
  // root may read everything; nobody may not
  if (uid === 0) process.seteuid?.(65_534)
  try {
    t.match((await loadProfile(join(dir, 'wd.pfl'))).findings, [{ message: /no permission$/ }])
  } finally {
    if (uid === 0) process.seteuid?.(0)
  }
})

t.test('services come from a file, or there are none', async t => {
  const dir = t.testdir({ services: 'http 80/tcp' })
  t.strictSame(await loadServices(join(dir, 'services')), new Map([['http', 80]]))
  t.strictSame(await loadServices(join(dir, 'missing')), new Map())
})
