import { readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runGateway, type RunningGateway } from '../../src/gateway/run.ts'
import { buildBackend } from '../helpers/backend.ts'
import { ask, buildDirectory } from '../helpers/gateway.ts'
import { httpPort, systemAt } from '../helpers/gateway-profile.ts'

interface Record { readonly level: number, readonly msg: string, readonly [key: string]: unknown }

/** Starts a profile whose trace goes to a file. */
async function build (t: Test, profile: string, { traceLevel = null, files = {}, overrides = [] }: { traceLevel?: 0 | 1 | 2 | 3 | null, files?: { [name: string]: string }, overrides?: string[] } = {}) {
  const directory = buildDirectory(t, { 'test.pfl': profile, ...files })
  const traceFile = join(directory, 'log/dev_webdisp')
  const gateway = await runGateway({ profile: join(directory, 'test.pfl'), overrides, traceFile, traceLevel })
  t.teardown(async () => { await gateway.stop('the test has ended') })
  return { gateway, directory, port: gateway.addresses.get('icm/server_port_0')?.port as number, trace: () => recordsOf(traceFile) }
}

function recordsOf (file: string): Record[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n').map(line => JSON.parse(line))
}

t.test('a started gateway serves, has logged its findings and what it found of the platform, and stops with a reason', async t => {
  const backend = await buildBackend(t)
  const { gateway, port, trace } = await build(t, `${httpPort}${systemAt(backend.origin)}icm/unknown_thing = 1\n`)
  t.equal((await ask({ port, path: '/x' })).json().target, '/x')
  await gateway.stop('SIGTERM')
  const records = trace()
  t.match(records.find(({ code }) => code === 'POSTERN_WARN_PROFILE_UNKNOWN_PARAMETER'), { level: 40, line: 3, parameter: 'icm/unknown_thing', msg: /not known/ })
  t.ok(records.some(({ msg }) => msg.includes(process.version)), 'the platform')
  t.match(records.map(({ msg }) => msg).slice(-2), ['stopping', 'stopped'])
  t.match(records.at(-2), { reason: 'SIGTERM' })
  await gateway.stop('SIGINT')
  t.equal(trace().length, records.length, 'once')
  await t.rejects(ask({ port, path: '/' }), { code: 'ECONNREFUSED' })
})

t.test('errors end the start with one line each', async t => {
  await t.rejects(build(t, `${httpPort}icm/HTTPS/verify_client = 9\nicm/keep_alive_timeout = soon\n${systemAt('http://localhost:1')}`), {
    code: 'POSTERN_ERR_GATEWAY_CONFIGURATION',
    message: /test\.pfl:2 .*verify_client.*\n.*test\.pfl:3 .*keep_alive_timeout/
  })
})

t.test('occupied ports do, the admin port among them', async t => {
  const occupied = createServer().listen(0, '127.0.0.1')
  await once(occupied, 'listening')
  t.teardown(() => { occupied.close() })
  const { port } = occupied.address() as AddressInfo
  await t.rejects(build(t, `${httpPort}icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=${port}\n${systemAt('http://localhost:1')}`), {
    code: 'POSTERN_ERR_GATEWAY_CONFIGURATION', message: new RegExp(`test\\.pfl:2 .*icm/server_port_1: 127\\.0\\.0\\.1:${port} is in use`)
  })
  await t.rejects(build(t, `${httpPort}${systemAt('http://localhost:1')}postern/admin_port = PORT=${port}\n`), {
    code: 'POSTERN_ERR_GATEWAY_CONFIGURATION', message: new RegExp(`postern/admin_port: 127\\.0\\.0\\.1:${port} is in use`)
  })
  await t.rejects(build(t, `${httpPort}${systemAt('http://localhost:1')}wdisp/reverse_invoke = TRUE\nwdisp/ri/client_serv = ${port}\nwdisp/ri/client_host = 127.0.0.1\nwdisp/ri/use_ssl = FALSE\n`), {
    code: 'POSTERN_ERR_GATEWAY_CONFIGURATION', message: new RegExp(`test\\.pfl:4 .*wdisp/ri/client_serv: 127\\.0\\.0\\.1:${port} is in use`)
  })
})

t.test('the trace level moves by one within 0 to 3', async t => {
  const { gateway, port, trace } = await build(t, `${httpPort}${systemAt('http://localhost:1')}`, { traceLevel: 1 })
  const warned = async (): Promise<number> => {
    await ask({ port, path: '/' })
    return trace().filter(({ msg }) => msg === 'forwarding failed').length
  }
  t.equal(await warned(), 1)
  gateway.changeTraceLevel(-1)
  gateway.changeTraceLevel(-1)
  t.equal(await warned(), 1, 'level 0 keeps errors only, and there is nothing below it')
  gateway.changeTraceLevel(1)
  t.equal(await warned(), 2)
  for (let n = 0; n < 5; n++) gateway.changeTraceLevel(1)
  gateway.changeTraceLevel(-1)
  t.equal(await warned(), 3, 'level 2')
})

t.test('a refresh is logged, and acts', async t => {
  const backend = await buildBackend(t)
  const { gateway, trace, port } = await build(t, `${httpPort}${systemAt(backend.origin)}`)
  await ask({ port, path: '/' })
  const [connection] = backend.connections
  const closed = once(connection!, 'close')
  gateway.refresh()
  await closed
  t.ok(trace().some(({ msg }) => msg.startsWith('names are resolved again')))
})

t.test('the profile names trace file and level; arguments win', async t => {
  const directory = buildDirectory(t, {})
  const profile = (file: string): string => `${httpPort}${systemAt('http://localhost:1')}postern/trace_file = ${file}\nrdisp/TRACE = 2\n`
  writeFileSync(join(directory, 'a.pfl'), profile('own.log'))
  const started: RunningGateway = await runGateway({ profile: join(directory, 'a.pfl'), overrides: [], traceFile: null, traceLevel: null })
  await started.stop('done')
  t.ok(recordsOf(join(directory, 'own.log')).some(({ msg }) => msg === 'stopped'))
  const quiet = await runGateway({ profile: join(directory, 'a.pfl'), overrides: [], traceFile: join(directory, 'other.log'), traceLevel: 0 })
  await quiet.stop('done')
  t.equal(readFileSync(join(directory, 'other.log'), 'utf8'), '')
})

t.test('a trace file that cannot be opened ends the start', async t => {
  const directory = buildDirectory(t, { 'a.pfl': `${httpPort}${systemAt('http://localhost:1')}` })
  await t.rejects(runGateway({ profile: join(directory, 'a.pfl'), overrides: [], traceFile: directory, traceLevel: null }), {
    code: 'POSTERN_ERR_GATEWAY_TRACE_FILE', message: `trace file ${directory} (-f or postern/trace_file) cannot be opened: EISDIR`
  })
})
