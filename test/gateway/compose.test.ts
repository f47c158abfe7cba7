import { once } from 'node:events'
import { Agent, type RequestListener } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createGateway } from '../../src/gateway/compose.ts'
import type { Plan } from '../../src/gateway/plan.ts'
import { buildBackend } from '../helpers/backend.ts'
import { ask, buildGateway, prepareText } from '../helpers/gateway.ts'
import { httpPort, httpsPort, identityLines, systemAt } from '../helpers/gateway-profile.ts'
import { logSink } from '../helpers/log-sink.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const admin = 'postern/admin_port = PORT=0\n'

/** A back end whose answers wait until the test lets them go. */
async function buildHeld (t: Test, profile = '') {
  const held: Array<() => void> = []
  const arrived: Array<() => void> = []
  const handler: RequestListener = (_request, response) => {
    held.push(() => { response.end('late') })
    for (const wake of arrived.splice(0)) wake()
  }
  const backend = await buildBackend(t, { handler })
  const gateway = await buildGateway(t, `${httpPort}${systemAt(backend.origin)}${admin}${profile}`)
  const adminPort = gateway.gateway.addresses.get('postern/admin_port')?.port as number
  const request = async (): Promise<{ answer: ReturnType<typeof ask>, release: () => void }> => {
    const here = new Promise<void>(resolve => { arrived.push(resolve) })
    const answer = ask({ port: gateway.port(), path: '/held' })
    await here
    return { answer, release: () => { held.at(-1)?.() } }
  }
  return { ...gateway, request, ready: async () => await ask({ port: adminPort, path: '/ready' }), adminPort }
}

t.test('every port of the plan listens, and the log says where', async t => {
  const { gateway, records, adminPort } = await buildHeld(t, 'icm/server_port_3 = PROT=HTTP, HOST=127.0.0.1, PORT=0\nicm/server_port_4 = PROT=ROUTER, HOST=127.0.0.1, PORT=0\n')
  t.strictSame([...gateway.addresses.keys()], ['icm/server_port_0', 'icm/server_port_3', 'icm/server_port_4', 'postern/admin_port'])
  t.equal(new Set([...gateway.addresses.values()].map(({ port }) => port)).size, 4)
  const lines = records.map(({ msg }) => msg).filter(msg => msg.includes(': listening on'))
  t.match(lines, [/^icm\/server_port_0: listening on http:/, /^icm\/server_port_3: listening on http:/, /^icm\/server_port_4: listening on tls:/, /^postern\/admin_port: listening on http:/])
  t.match((await ask({ port: adminPort, path: '/metrics' })).body, /postern_open_connections\{listener="icm\/server_port_3"\} 0/)
})

t.test('all ports open, or none', async t => {
  const occupied = createServer().listen(0, '127.0.0.1')
  await once(occupied, 'listening')
  t.teardown(() => { occupied.close() })
  const { port } = occupied.address() as AddressInfo
  const { gateway } = await buildGateway(t, `${httpPort}icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=${port}\n${systemAt('http://localhost:1')}`, { listen: false })
  await t.rejects(gateway.listen(), { code: 'POSTERN_ERR_GATEWAY_LISTEN', message: `icm/server_port_1: 127.0.0.1:${port} is in use by another process` })
  const first = gateway.addresses.get('icm/server_port_0') as AddressInfo
  await t.rejects(ask({ port: first.port, path: '/' }), { code: 'ECONNREFUSED' }, 'what listened by then is closed')
})

t.test('ready from the last port on until the stop begins; the admin port stays until the last exchange has ended', async t => {
  const { gateway, request, ready } = await buildHeld(t)
  t.match(await ready(), { status: 200, body: '{"status":"ready","reasons":[]}' })
  const { answer, release } = await request()
  const closed = gateway.close()
  t.match(await ready(), { status: 503, body: '{"status":"not ready","reasons":["the gateway is draining"]}' })
  release()
  t.match(await answer, { status: 200, body: 'late', headers: { connection: 'close' } }, 'a running exchange ends')
  await closed
  await t.rejects(ready(), { code: 'ECONNREFUSED' })
})

t.test('an idle connection does not hold up the stop, and none is accepted', async t => {
  const backend = await buildBackend(t)
  const { gateway, port } = await buildGateway(t, `${httpPort}${systemAt(backend.origin)}`)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  t.equal((await ask({ port: port(), path: '/', agent })).status, 200)
  t.equal(Object.values(agent.freeSockets).length, 1, 'the connection is kept')
  const started = performance.now()
  await gateway.close()
  t.ok(performance.now() - started < 5000)
  await t.rejects(ask({ port: port(), path: '/' }), { code: 'ECONNREFUSED' })
})

t.test('an exchange that hangs is cut when its time is over', async t => {
  const pki = await mintPki(t)
  const backend = await buildRawBackend(t, { onRequest: () => {} })
  for (const [what, lines, tls] of [['HTTP', httpPort, undefined], ['HTTPS', `${httpsPort}${identityLines(pki)}`, { ca: pki.root.certPem, servername: 'localhost' }]] as const) {
    const { gateway, port, records } = await buildGateway(t, `${lines}${systemAt(`http://127.0.0.1:${backend.port}`)}postern/shutdown_timeout = 1\n`)
    const client = await buildRawClient(t, port(), tls === undefined ? {} : { tls })
    const before = backend.requests.length
    client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await backend.request(before)
    await gateway.close()
    await client.closed()
    t.match(records.find(({ msg }) => msg === 'exchanges that did not end in time are cut'), { shutdownTimeoutMs: 1000, level: 40 }, what)
  }
})

t.test('a WebSocket has no last exchange: it goes on until the time is over', async t => {
  const backend = await buildRawBackend(t, {
    onRequest: ({ socket }) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      socket.on('data', chunk => { socket.write(chunk) })
    }
  })
  const { gateway, port } = await buildGateway(t, `${httpPort}${systemAt(`http://127.0.0.1:${backend.port}`)}postern/shutdown_timeout = 1\n`)
  const client = await buildRawClient(t, port())
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('101')
  const closed = gateway.close()
  client.send('still there')
  await client.until('still there')
  await closed
  await client.closed()
})

t.test('a refresh tries servers again and opens new connections', async t => {
  const backend = await buildRawBackend(t)
  const spare = createServer().listen(0, '127.0.0.1')
  await once(spare, 'listening')
  const dead = (spare.address() as AddressInfo).port
  spare.close()
  await once(spare, 'close')
  const { gateway, port, records, line } = await buildGateway(t, `${httpPort}postern/server_retry_time = 3600\n${systemAt(`http://127.0.0.1:${dead};http://127.0.0.1:${backend.port}`, ', STICKY=false')}`)
  const out = (): number => records.filter(({ msg }) => msg === 'server taken out').length
  const path = '/'
  t.equal((await ask({ port: port(), path })).status, 200, 'the other server answers')
  t.match(await line('server taken out'), { system: 'wdisp/system_0', upstream: `http://127.0.0.1:${dead}`, level: 40 })
  for (let n = 0; n < 4; n++) t.equal((await ask({ port: port(), path })).status, 200)
  t.equal(backend.sockets.length, 1, 'one connection, used again')
  gateway.refresh()
  for (let n = 0; n < 2; n++) t.equal((await ask({ port: port(), path })).status, 200)
  t.equal(out(), 1, 'it was not back in between')
  t.equal(backend.sockets.length, 2, 'the idle connection was closed')
})

t.test('gateways with one key keep each other\'s sessions', async t => {
  const servers = [await buildBackend(t, { handler: (_request, response) => { response.end('a') } }), await buildBackend(t, { handler: (_request, response) => { response.end('b') } })]
  const profile = (key: string): string => `${httpPort}${systemAt(servers.map(({ origin }) => origin).join(';'))}postern/sticky_key_file = ${key}\n`
  const files = { 'sec/one': 'k'.repeat(40), 'sec/same': `${'k'.repeat(40)}\n`, 'sec/other': 'o'.repeat(40) }
  const [one, same, other] = [await buildGateway(t, profile('one'), { files }), await buildGateway(t, profile('same'), { files }), await buildGateway(t, profile('other'), { files })]
  await ask({ port: one.port(), path: '/' })
  const second = await ask({ port: one.port(), path: '/' })
  t.equal(second.body, 'b')
  const cookie = (second.headers['set-cookie']?.[0] ?? '').split(';')[0] as string
  for (const { port } of [one, same]) {
    const answer = await ask({ port: port(), path: '/', headers: { cookie } })
    t.equal(answer.body, 'b')
    t.notOk('set-cookie' in answer.headers)
  }
  t.ok('set-cookie' in (await ask({ port: other.port(), path: '/', headers: { cookie } })).headers, 'a cookie of another key counts for nothing')
})

t.test('a plan that a plugin cannot be made from opens nothing', async t => {
  const { plan, identities } = await prepareText(t, `${httpPort}${systemAt('http://localhost:1')}`)
  const { listeners: [listener], ...rest } = plan as Plan
  const broken = { ...rest, listeners: [{ ...listener!, plugins: [{ plugin: 'redirect', options: { rules: 7 }, parameter: null }] }] }
  await t.rejects(createGateway(broken, { identities, logger: logSink().logger }), { code: 'POSTERN_ERR_GATEWAY_CONFIGURATION', message: /POSTERN_ERR_OPTIONS_INVALID/ })
})
