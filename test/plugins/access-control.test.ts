import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { accessControl } from '../../plugins/access-control.ts'
import { tlsServerFactory, tlsTermination } from '../../plugins/tls-termination.ts'
import { mintPki } from '../helpers/pki.ts'
import { credentials, exchange, identityOf } from '../helpers/tls.ts'

async function listen (t: Test, app: FastifyInstance<any, any, any, any>, acl: string): Promise<number> {
  const dir = t.testdir({ 'acl.txt': acl })
  await app.register(accessControl, { file: join(dir, 'acl.txt') })
  app.get('/', async () => 'here')
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

/** What a client gets that sends a request, until the connection ends. */
async function request (port: number): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.on('data', bytes => { text += String(bytes) }).on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await new Promise(resolve => { socket.once('close', resolve) })
  return text
}

t.test('HTTP: a permitted address is served, a denied one is cut off without a word', async t => {
  t.match(await request(await listen(t, Fastify(), 'permit 127.0.0.0/8')), /^HTTP\/1\.1 200 OK/)
  t.equal(await request(await listen(t, Fastify(), 'deny 127.0.0.1\npermit 0.0.0.0/0')), '')
  t.equal(await request(await listen(t, Fastify(), '# nobody')), '')
})

t.test('HTTPS: before the handshake', async t => {
  const pki = await mintPki(t)
  const build = async (acl: string) => {
    const app = Fastify({ serverFactory: tlsServerFactory({ identities: [{ name: 'server', identity: identityOf(pki.server, [pki.root]) }] }) })
    await app.register(tlsTermination)
    return await exchange(t, { port: await listen(t, app, acl), host: '127.0.0.1', ...credentials(pki.client) })
  }
  t.match((await build('permit 127.0.0.1')).answer, /here$/)
  t.match(await build('permit 10.0.0.0/8'), { answer: null, serverName: undefined })
})

t.test('a request that came past the listener is refused', async t => {
  const app = Fastify()
  await listen(t, app, 'deny 0.0.0.0/0')
  // as Fastify does for the second address of localhost
  const second = http.createServer((req, res) => { app.routing(req, res) })
  t.teardown(() => second.close())
  await once(second.listen(0, '127.0.0.1'), 'listening')
  t.match(await request((second.address() as AddressInfo).port), /^HTTP\/1\.1 403 [^]*POSTERN_ERR_ACL_DENIED/)
})

t.test('a list that cannot be used stops the start', async t => {
  const dir = t.testdir({ 'acl.txt': 'allow all' })
  await t.rejects(async () => { await Fastify().register(accessControl, { file: join(dir, 'acl.txt') }) }, { code: 'POSTERN_ERR_ACL_INVALID' })
  await t.rejects(async () => { await Fastify().register(accessControl, { file: join(dir, 'none.txt') }) }, { code: 'POSTERN_ERR_ACL_FILE' })
  await t.rejects(async () => { await Fastify().register(accessControl, {} as never) }, { code: 'POSTERN_ERR_OPTIONS_INVALID' })
})
