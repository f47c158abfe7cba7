import t, { type Test } from 'tap'
import { prepareGateway } from '../../src/gateway/prepare.ts'
import { registerPlugin, type PluginContext } from '../../src/gateway/registry.ts'
import { buildBackend } from '../helpers/backend.ts'
import { ask, buildDirectory, buildGateway } from '../helpers/gateway.ts'
import { httpPort, systemAt } from '../helpers/gateway-profile.ts'
import { buildRawClient } from '../helpers/raw-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'
import Fastify from 'fastify'

const plugin = 'postern/plugin_0 = NAME=./plugin.mjs, PREFIX=/mine, OPTIONS=options.json\n'

const code = `export default async function plugin (app, { word }) {
  app.addHook('onRequest', async (request, reply) => { reply.header('x-hook', word) })
  app.get('/', async () => ({ word }))
  app.get('/headers', async request => request.raw.rawHeaders)
  app.post('/length', async request => ({ length: JSON.stringify(request.body).length }))
  app.post('/late', {
    onRequest (request, reply) {
      reply.hijack()
      reply.raw.writeHead(200)
      reply.raw.write('begun')
      request.raw.resume()
    }
  }, () => {})
  app.get('/long/*', async request => ({ length: request.params['*'].length }))
}
`

async function build (t: Test, { lines = '', text = code } = {}) {
  const system = await buildBackend(t)
  const gateway = await buildGateway(t, `${httpPort}${systemAt(system.origin)}${plugin}${lines}`, { files: { 'plugin.mjs': text, 'options.json': '{ "word": "hello" }' } })
  return { ...gateway, system, port: gateway.port() }
}

t.test('a plugin of one\'s own serves what is below its prefix', async t => {
  const { port, system } = await build(t)
  for (const path of ['/mine', '/mine/']) t.match(await ask({ port, path }), { status: 200, body: '{"word":"hello"}', headers: { 'x-hook': 'hello' } }, path)
  t.equal((await ask({ port, method: 'POST', path: '/mine/length', headers: { 'content-type': 'application/json' }, body: '"1234"' })).json().length, 6)
  t.equal(system.heads.length, 0)
})

t.test('its hooks see its own routes only, also when it asks for the outer scope', async t => {
  const text = `const plugin = async app => {
  app.addHook('onRequest', async (request, reply) => { reply.header('x-hook', 'seen') })
  app.decorateRequest('mine', 'x')
  app.get('/', async request => request.mine)
}
plugin[Symbol.for('skip-override')] = true
export default plugin
`
  const { port } = await build(t, { text })
  t.match(await ask({ port, path: '/mine' }), { status: 200, body: 'x', headers: { 'x-hook': 'seen' } })
  const other = await ask({ port, path: '/other' })
  t.equal(other.json().target, '/other')
  t.notOk('x-hook' in other.headers)
})

t.test('what a plugin has no route for is answered with 404 and never goes to the system', async t => {
  const { port, system } = await build(t)
  const rows: Array<[method: string, path: string]> = [['GET', '/mine/unknown'], ['DELETE', '/mine'], ['PROPFIND', '/mine/x'], ['GET', '/mine//'], ['OPTIONS', '/mine/headers']]
  for (const [method, path] of rows) {
    const answer = await ask({ port, method, path })
    t.equal(answer.status, 404, `${method} ${path}`)
    t.equal(answer.json().code, 'POSTERN_ERR_GATEWAY_NOT_SERVED')
  }
  const absolute = await rawExchange(t, { port }, 'GET http://localhost/mine/unknown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  t.match(absolute, /^HTTP\/1\.1 404 /)
  t.match(await rawExchange(t, { port }, 'GET http://localhost/mine HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'), /hello/, 'an absolute target is served')
  t.equal(system.heads.length, 0)
})

t.test('a path that a server could read as one below the prefix does not go to the system either', async t => {
  const { port, system } = await build(t)
  for (const path of ['/%6dine/x', '//mine', '/a/..%2fmine', '/mine;a/x']) {
    const answer = await ask({ port, path })
    t.equal(answer.status, 400, path)
    t.equal(answer.json().code, 'POSTERN_ERR_DISPATCH_TARGET_AMBIGUOUS')
  }
  t.equal(system.heads.length, 0)
  t.equal((await ask({ port, path: '/%41' })).json().target, '/%41', 'every other path goes as it came')
})

t.test('targets that the router refuses are an error below the prefix and go on as they are elsewhere', async t => {
  const { port, system } = await build(t)
  t.equal((await ask({ port, path: '/%zz' })).json().target, '/%zz')
  t.equal((await ask({ port, path: '/a%' })).json().target, '/a%')
  for (const path of ['/mine/%zz', '/mine/%c3', '/mine/headers%']) {
    const answer = await ask({ port, path })
    t.equal(answer.status, 404)
    t.equal(answer.json().code, 'POSTERN_ERR_GATEWAY_NOT_SERVED')
  }
  t.equal((await ask({ port, path: `/mine/long/${'a'.repeat(5000)}` })).json().length, 5000)
  t.equal(system.heads.length, 2)
})

t.test('the bounds of the port count for bodies that a plugin reads', async t => {
  const { port } = await build(t, { lines: 'icm/HTTP/max_request_size_KB = 1\n' })
  const chunk = `800\r\n${'"'.padEnd(0x800, 'x')}\r\n`
  const head = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
  const client = await buildRawClient(t, port)
  client.send(head('/mine/length') + chunk)
  t.match(await client.until('FORWARD_BODY_TOO_LARGE'), /^HTTP\/1\.1 413 /)
  const late = await buildRawClient(t, port)
  late.send(head('/mine/late'))
  await late.until('begun')
  late.send(chunk)
  t.notMatch(await late.closed(), '413', 'an answer that has begun is cut')
})

t.test('a plan cannot name a plugin that there is not', async t => {
  const app = Fastify()
  for (const plugin of ['nothing', 'toString']) {
    await t.rejects(registerPlugin(app, { plugin, options: {}, parameter: null }, {} as PluginContext), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND' })
  }
})

t.test('PREFIX is mandatory, plain, and belongs to one plugin', async t => {
  const rows: Array<[lines: string, finding: object]> = [
    ['postern/plugin_0 = NAME=./a.mjs', { code: 'POSTERN_ERR_PROFILE_MISSING', line: 3, parameter: 'postern/plugin_0 PREFIX' }],
    ...['/', 'aux', '/aux/', '/a//b', '/../a', '/a/.', '/a?b', '/a:b', '/a*', '/%61', '/a;b'].map((prefix): [string, object] =>
      [`postern/plugin_0 = NAME=./a.mjs, PREFIX=${prefix}`, { code: 'POSTERN_ERR_PROFILE_VALUE', parameter: 'postern/plugin_0 PREFIX' }]),
    ['postern/plugin_0 = NAME=./a.mjs, PREFIX=/a\npostern/plugin_1 = NAME=./b.mjs, PREFIX=/a', { code: 'POSTERN_ERR_PLAN_PLUGIN_PREFIX', line: 4, parameter: 'postern/plugin_1 PREFIX', message: '/a belongs to postern/plugin_0 already' }]
  ]
  for (const [lines, finding] of rows) {
    const directory = buildDirectory(t, { 'test.pfl': `${httpPort}${systemAt('http://localhost:1')}${lines}\n` })
    const { findings } = await prepareGateway(`${directory}/test.pfl`)
    t.match(findings.filter(({ severity }) => severity === 'error'), [finding], lines)
  }
})
