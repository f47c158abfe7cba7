import t, { type Test } from 'tap'
import Fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import { dispatch, type DispatchOptions } from '../../plugins/dispatch.ts'
import type { DispatchSystem } from '../../src/dispatch/system.ts'
import { DispatchTable } from '../../src/dispatch/table.ts'
import type { UpstreamServer } from '../../src/upstream/server.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

const server = (host: string): UpstreamServer => ({ origin: `http://${host}:80`, host, port: 80, tls: null })
const system = (over: Partial<DispatchSystem> = {}): DispatchSystem =>
  ({ name: 'wdisp/system_0', sid: 'ABC', servers: [server('a'), server('b')], sourceServers: [], sourceUrls: [], sourceVirtualHosts: [], sticky: true, runLevel: 'running', ...over })

/** A bare application with a route that forwards and one that does not; both tell what they see. */
async function build (t: Test, options: DispatchOptions): Promise<{ app: FastifyInstance, port: number, logged: Array<Record<string, unknown>> }> {
  const logged: Array<Record<string, unknown>> = []
  const stream = { write: (line: string) => { logged.push(JSON.parse(line) as Record<string, unknown>) } }
  const app = Fastify({ logger: { stream }, rewriteUrl: ({ url = '/' }) => url.startsWith('/own') ? url : '/' })
  t.teardown(async () => { await app.close() })
  await app.register(dispatch, options)
  app.all('/', { config: { forward: true } }, async ({ target, raw }) => {
    if (raw.headers['x-fail'] !== undefined) target?.failed('refused')
    else target?.succeeded()
    return { system: target?.system ?? null, host: target?.server.host ?? null, fields: raw.rawHeaders, cookie: raw.headers.cookie ?? null, distinct: raw.headersDistinct['cookie'] ?? null }
  })
  app.all('/own', async ({ target }) => ({ target }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port, logged }
}

async function ask (t: Test, port: number, target: string, fields: string[] = ['Host: a.example']) {
  const answer = await rawExchange(t, { port }, [`GET ${target} HTTP/1.1`, 'Connection: close', ...fields, '', ''].join('\r\n'))
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, body: JSON.parse(body) as Record<string, unknown>, cookie: /set-cookie: ([^;]*)/i.exec(head)?.[1] }
}

t.test('gives a forwarding route its target, and no other one', async t => {
  const { port } = await build(t, { systems: [system({ sourceUrls: ['/sap/'] })] })
  t.match((await ask(t, port, '/sap/%2e?x')).body, { system: 'wdisp/system_0', host: 'a' })
  t.strictSame((await ask(t, port, '/own')).body, { target: null })
  t.match(await ask(t, port, '/other'), { status: 404, body: { code: 'POSTERN_ERR_DISPATCH_NO_SYSTEM' } })
  t.match(await ask(t, port, '//sap/'), { status: 400, body: { code: 'POSTERN_ERR_DISPATCH_TARGET_AMBIGUOUS' } })
  t.match(await ask(t, port, '/sap/', ['Host: a', 'hoST: b']), { status: 400, body: { code: 'POSTERN_ERR_DISPATCH_HOST' } })
})

t.test('leaves OPTIONS * to the route', async t => {
  const { port } = await build(t, { systems: [] })
  const answer = await rawExchange(t, { port }, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(answer, /"system":null/)
})

t.test('keeps a session on its server, and the cookie from the back end', async t => {
  const { port } = await build(t, { systems: [system()], stickyKey: 'k'.repeat(32) })
  const first = await ask(t, port, '/')
  const second = await ask(t, port, '/')
  t.strictSame([first.body['host'], second.body['host']], ['a', 'b'])
  t.match(second.head, /set-cookie: postern_ABC_\w{6}=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax\r\n/)
  const again = await ask(t, port, '/', ['Host: a', `Cookie: x="1 2"; ${second.cookie}; y=3`, 'X-Next: n'])
  t.match(again.body, { host: 'b', cookie: 'x="1 2"; y=3', distinct: ['x="1 2"; y=3'], fields: ['Connection', 'close', 'Host', 'a', 'Cookie', 'x="1 2"; y=3', 'X-Next', 'n'] })
  t.notMatch(again.head, /set-cookie/)
  const alone = await ask(t, port, '/', ['Host: a', `Cookie: ${second.cookie}`, 'X-Next: n'])
  t.match(alone.body, { host: 'b', cookie: null, distinct: null, fields: ['Connection', 'close', 'Host', 'a', 'X-Next', 'n'] })
  const twice = await ask(t, port, '/', ['Host: a', `Cookie: ${second.cookie}`, 'cookie: x=1'])
  t.match(twice.body, { host: 'b', cookie: 'x=1', fields: ['Connection', 'close', 'Host', 'a', 'cookie', 'x=1'] })
  const other = await ask(t, port, '/', ['Host: a', 'Cookie:  x=1;y=2 '])
  t.match(other.body, { cookie: 'x=1;y=2' }, 'a field without our cookie stays as it is')
})

t.test('takes out a server that failed, and says so', async t => {
  const { port, logged } = await build(t, { systems: [system({ sticky: false })], retryAfterMs: 3_600_000 })
  t.equal((await ask(t, port, '/', ['Host: a', 'X-Fail: 1'])).body['host'], 'a')
  for (let n = 0; n < 3; n++) t.equal((await ask(t, port, '/')).body['host'], 'b')
  t.match(logged.filter(({ msg }) => msg === 'server taken out'), [{ level: 40, system: 'wdisp/system_0', upstream: 'http://a:80', reason: 'refused' }])
})

t.test('says when a server is back', async t => {
  const { port, logged } = await build(t, { systems: [system({ servers: [server('a')] })] })
  await ask(t, port, '/', ['Host: a', 'X-Fail: 1'])
  await ask(t, port, '/')
  t.match(logged.filter(({ msg }) => msg === 'server is back'), [{ level: 30, upstream: 'http://a:80' }], 'the only one is tried at once')
})

t.test('listeners can share a table', async t => {
  const table = new DispatchTable([system({ sticky: false })], { conflictResolution: 'ERROR' })
  const [one, other] = [await build(t, { table }), await build(t, { table })]
  t.strictSame([(await ask(t, one.port, '/')).body['host'], (await ask(t, other.port, '/')).body['host']], ['a', 'b'])
})

t.test('checks its options', async t => {
  const app = Fastify()
  const wrong = { conflictResolution: 'LAST', retryAfterMs: 1, stickyKey: 'short', systems: [{ ...system(), sid: '', extra: 1 }] } as unknown as DispatchOptions
  await t.rejects(async () => { await app.register(dispatch, wrong) }, { code: 'POSTERN_ERR_OPTIONS_INVALID', message: /extra[^]*conflictResolution/ })
})
