import t, { type Test } from 'tap'
import Fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import { redirect, type RedirectOptions } from '../../plugins/redirect.ts'
import { mintPki } from '../helpers/pki.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

async function build (t: Test, options: RedirectOptions): Promise<{ app: FastifyInstance, logged: string[] }> {
  const logged: string[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => { logged.push(line) } } } })
  t.teardown(async () => { await app.close() })
  await app.register(redirect, options)
  app.get('/*', async () => 'served')
  return { app, logged }
}

t.test('answers with the status and the new address', async t => {
  for (const status of [301, 302, 303, 307, 308] as const) {
    const { app } = await build(t, { rules: [{ prefix: '/', to: '/sap/bc/ui2/flp' }], status })
    const answer = await app.inject({ url: '/?a=b', headers: { host: 'www.example:81' } })
    t.match(answer, { statusCode: status, headers: { location: 'http://www.example:81/sap/bc/ui2/flp?a=b', 'content-length': '0' } })
  }
  const { app } = await build(t, { rules: [{ prefix: '/', to: '/x' }] })
  t.equal((await app.inject('/')).statusCode, 301, '301 by default')
  t.equal((await app.inject('/y')).body, 'served')
})

t.test('knows the protocol of the connection, not of the target', async t => {
  const { server } = await mintPki(t)
  const app = Fastify({ https: { key: server.keyPem, cert: server.chainPem } })
  t.teardown(async () => { await app.close() })
  await app.register(redirect, { rules: [{ prefix: '/', from: '*', fromProtocol: 'http', protocol: 'https' }, { prefix: '/tls', to: '/x' }] })
  app.get('/*', async () => 'served')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const options = { port: (app.server.address() as AddressInfo).port, tls: { rejectUnauthorized: false } }
  t.match(await rawExchange(t, options, 'GET /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'), /location: https:\/\/h\/x\r\n/)
  t.match(await rawExchange(t, options, 'GET /y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'), /served$/)
})

t.test('takes path and host of an absolute target; * has neither', async t => {
  const { app } = await build(t, { rules: [{ prefix: '/a', to: '/b' }] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const options = { port: (app.server.address() as AddressInfo).port }
  t.match(await rawExchange(t, options, 'GET http://one.example/a HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n'), /location: http:\/\/one.example\/b\r\n/)
  t.match(await rawExchange(t, options, 'OPTIONS * HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 4/)
})

t.test('a forged Host field makes no address', async t => {
  const { app } = await build(t, { rules: [{ prefix: '/', to: '/x' }] })
  for (const host of ['evil.example/..', 'a@evil.example', 'a b', 'a,b']) {
    const answer = await app.inject({ url: '/', headers: { host } })
    t.match(answer, { statusCode: 400, headers: { location: undefined } }, host)
    t.match(answer.json(), { code: 'POSTERN_ERR_REDIRECT_HOST' })
  }
})

t.test('a rule that leads back to itself is not applied, which is logged once', async t => {
  const { app, logged } = await build(t, { rules: [{ parameter: 'icm/HTTP/redirect_4', prefix: '/', from: '*', to: '/x' }] })
  for (const url of ['/a', '/b']) t.equal((await app.inject(url)).body, 'served')
  t.equal(logged.filter(line => line.includes('icm/HTTP/redirect_4')).length, 1)
})

t.test('checks its options', async t => {
  const rows: Array<[object, string]> = [
    [{ rules: [{ to: '/x' }] }, 'POSTERN_ERR_OPTIONS_INVALID'], [{ status: 200 }, 'POSTERN_ERR_OPTIONS_INVALID'], [{ more: 1 }, 'POSTERN_ERR_OPTIONS_INVALID'],
    [{ rules: [{ prefix: '/' }] }, 'POSTERN_ERR_REDIRECT_RULE']
  ]
  for (const [options, code] of rows) await t.rejects(async () => { await Fastify().register(redirect, options as RedirectOptions) }, { code }, JSON.stringify(options))
})
