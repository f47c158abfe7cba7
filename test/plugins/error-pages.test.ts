import t from 'tap'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { clientErrorHandler, errorPages, type ErrorPagesOptions } from '../../plugins/error-pages.ts'
import { errors } from '../../src/errors.ts'

async function build (t: Test, error: unknown, options: ErrorPagesOptions = {}): Promise<{ app: FastifyInstance, log: any[] }> {
  const log: any[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => { log.push(JSON.parse(line)) } } }, requestIdHeader: 'x-id' }) as unknown as FastifyInstance
  await app.register(errorPages, options)
  app.get('/', async () => { throw error })
  app.post('/', async () => 'ok')
  t.teardown(() => app.close())
  return { app, log }
}

t.test('shows code, text and request id of our errors', async t => {
  const { app, log } = await build(t, new errors.UPSTREAM_TIMEOUT({ cause: new Error('10.0.0.1') }))
  const answer = await app.inject('/')
  t.equal(answer.statusCode, 504)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  t.strictSame(answer.json(), { statusCode: 504, code: 'POSTERN_ERR_UPSTREAM_TIMEOUT', message: 'The server did not answer in time.', requestId: 'req-1' })
  t.strictSame(log.filter(({ level }) => level >= 40), [], 'it was logged where it was made')
})

t.test('uses SAP\'s numbers where asked for', async t => {
  for (const [error, status] of [[errors.UPSTREAM_TIMEOUT, 500], [errors.UPSTREAM_UNREACHABLE, 404], [errors.UPSTREAM_BUSY, 503], [errors.FORWARD_TARGET, 400]] as const) {
    const Thrown: new () => Error = error
    const { app } = await build(t, new Thrown(), { errorStatus: 'sap' })
    t.equal((await app.inject('/')).statusCode, status)
  }
})

t.test('shows nothing of other people\'s errors, and logs what is unknown once', async t => {
  for (const [error, status, code] of [
    [new Error('secret /etc/path'), 500, 'POSTERN_ERR_HTTP_INTERNAL'],
    [Object.assign(new Error('secret'), { statusCode: 418, code: 'X' }), 418, 'POSTERN_ERR_HTTP_REFUSED'],
    [Object.assign(new Error('secret'), { statusCode: 503 }), 503, 'POSTERN_ERR_HTTP_INTERNAL'],
    [Object.assign(new Error('secret'), { statusCode: 200 }), 500, 'POSTERN_ERR_HTTP_INTERNAL'],
    [new errors.OPTIONS_INVALID('secret', 'secret'), 500, 'POSTERN_ERR_HTTP_INTERNAL']
  ] as const) {
    const { app, log } = await build(t, error)
    const answer = await app.inject('/')
    t.equal(answer.statusCode, status)
    t.equal(answer.json().code, code)
    t.notMatch(answer.body, /secret/)
    t.equal(log.filter(({ level }) => level >= 50).length, code === 'POSTERN_ERR_HTTP_INTERNAL' ? 1 : 0)
  }
})

t.test('answers Fastify\'s own errors in the same way', async t => {
  const { app } = await build(t, null)
  const answer = await app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'application/json' }, payload: '{' })
  t.equal(answer.statusCode, 400)
  t.strictSame(answer.json(), { statusCode: 400, code: 'POSTERN_ERR_HTTP_REFUSED', message: 'Bad Request.', requestId: 'req-1' })
})

t.test('shows browsers a page, with everything escaped', async t => {
  const { app } = await build(t, new errors.UPSTREAM_BUSY())
  const answer = await app.inject({ url: '/', headers: { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'x-id': '<script>alert("1")</script>\'&' } })
  t.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
  t.match(answer.body, /<h1>503 Service Unavailable<\/h1><p>The service is overloaded\.<\/p>/)
  t.match(answer.body, '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;')
  t.notMatch(answer.body, '<script>')
})

t.test('refuses unknown options', async t => {
  await t.rejects(build(t, null, { errorStatus: 'other' } as never), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
})

t.test('destroys a connection that cannot be answered', async t => {
  for (const [code, state] of [['ECONNRESET', { writable: true }], ['HPE_INVALID', { writable: false }], ['HPE_INVALID', { writable: true, _httpMessage: { headersSent: true } }]] as const) {
    let destroyed = false
    const socket = Object.assign(new EventEmitter(), state, { destroy: () => { destroyed = true }, end: () => { t.fail('nothing is written') } })
    clientErrorHandler({ code }, socket as unknown as Socket)
    t.ok(destroyed)
  }
})
