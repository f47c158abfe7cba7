import t from 'tap'
import { join } from 'node:path'
import { chooseStart, findProfile } from '../../container/start.ts'

t.test('without a mounted profile the demo landscape starts, reachable from outside', async t => {
  const empty = t.testdir({})
  for (const directory of [empty, join(empty, 'absent')]) {
    t.strictSame(chooseStart(directory, '9400', ['--port=8444']), { program: 'src/demo/main.js', args: ['--host=0.0.0.0', '--port=8444'] })
  }
})

t.test('the profile is postern.pfl, else the only *.pfl', async t => {
  const only = t.testdir({ only: { 'WDP_W10.pfl': '', 'DEFAULT.PFL': '', sec: {} }, named: { 'a.pfl': '', 'postern.pfl': '', 'z.pfl': '' } })
  t.equal(findProfile(join(only, 'only')), join(only, 'only/WDP_W10.pfl'))
  t.equal(findProfile(join(only, 'named')), join(only, 'named/postern.pfl'))
})

t.test('a mounted directory without a clear profile is an error and no demo', async t => {
  const directory = t.testdir({ none: { 'postern.prf': '' }, several: { 'a.pfl': '', 'b.pfl': '' } })
  t.throws(() => findProfile(join(directory, 'none')), { message: /no \*\.pfl among postern\.prf/ })
  t.throws(() => findProfile(join(directory, 'several')), { message: /a\.pfl, b\.pfl: which one\?/ })
})

t.test('the admin port is on, and a profile that sets it keeps its own', async t => {
  const directory = t.testdir({
    silent: { 'a.pfl': '# postern/admin_port = PORT=1\n' },
    own: { 'a.pfl': 'SAPSYSTEM = 00\npostern/admin_port = PORT=9500\n' },
    shared: { 'a.pfl': '', 'DEFAULT.PFL': 'postern/admin_port = PORT=9500\n' }
  })
  const argsOf = (name: string) => chooseStart(join(directory, name), '9400').args
  t.strictSame(argsOf('silent'), [`pf=${join(directory, 'silent/a.pfl')}`, 'postern/admin_port=PORT=9400, HOST=127.0.0.1'])
  t.strictSame(argsOf('own'), [`pf=${join(directory, 'own/a.pfl')}`])
  t.strictSame(argsOf('shared'), [`pf=${join(directory, 'shared/a.pfl')}`])
})
