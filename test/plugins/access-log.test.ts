import t, { type Test } from 'tap'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest, ServerResponse, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { accessLog, type AccessLogOptions } from '../../plugins/access-log.ts'
import { mintPki } from '../helpers/pki.ts'
import { runProgram } from '../helpers/processes.ts'
import { buildRawClient } from '../helpers/raw-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

type Options = Partial<AccessLogOptions>

interface Logged {
  readonly app: FastifyInstance
  readonly port: number
  readonly directory: string
  /** Closes the application and returns the lines of a log file. */
  lines (name?: string): Promise<string[]>
}

async function build (t: Test, options: Options, { server = {}, routes = () => {} }: { server?: FastifyServerOptions | object, routes?: (app: FastifyInstance) => void } = {}): Promise<Logged> {
  const directory = t.testdir()
  const app = Fastify({ ...server, exposeHeadRoutes: true }) as unknown as FastifyInstance
  t.teardown(async () => { await app.close() })
  await app.register(accessLog, { file: join(directory, 'access.log'), format: '%r|%s|%b', ...options })
  app.get('/*', async () => 'hello')
  routes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    directory,
    port: (app.server.address() as AddressInfo).port,
    lines: async (name = 'access.log') => {
      await app.close()
      return readFileSync(join(directory, name), 'latin1').split('\n').slice(0, -1)
    }
  }
}

const get = (target: string, ...fields: string[]) => [`GET ${target} HTTP/1.1`, 'Host: h.example', 'Connection: close', ...fields, '', ''].join('\r\n')

t.test('writes a line per exchange, with the bytes of the body', async t => {
  const { port, lines } = await build(t, {}, {
    routes: app => {
      app.get('/hijacked', (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(202, 'Fine', ['X-Raw', '1', 'content-length', '3'])
        reply.raw.end('abc')
      })
      app.get('/chunked', (_request, reply) => {
        reply.hijack()
        reply.raw.write('abc')
        reply.raw.end('de')
      })
      app.get('/nothing', async (_request, reply) => await reply.code(204).send())
    }
  })
  for (const target of ['/a?b=c', '/hijacked', '/chunked', '/nothing']) await rawExchange(t, { port }, get(target))
  await rawExchange(t, { port }, get('/a').replace('GET', 'HEAD'))
  await rawExchange(t, { port }, get('/none').replace('GET', 'POST'))
  t.strictSame(await lines(), [
    'GET /a?b=c HTTP/1.1|200|5', 'GET /hijacked HTTP/1.1|202|3',
    'GET /chunked HTTP/1.1|200|5', 'GET /nothing HTTP/1.1|204|-', 'HEAD /a HTTP/1.1|200|-', 'POST /none HTTP/1.1|404|77'
  ])
})

t.test('knows the fields of the answer however they were written', async t => {
  const { port, lines } = await build(t, { format: '%{X-Raw}o %{content-type}o %{None}o' }, {
    routes: app => {
      app.get('/hijacked', (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(200, ['X-Raw', '1', 'x-raw', '2'])
        reply.raw.end()
      })
    }
  })
  await rawExchange(t, { port }, get('/hijacked'))
  await rawExchange(t, { port }, get('/a'))
  t.strictSame(await lines(), ['1,\\x202 - -', '- text/plain;\\x20charset=utf-8 -'])
})

t.test('pipelined requests are counted one by one', async t => {
  const { port, lines } = await build(t, {}, {
    routes: app => {
      app.get('/chunked', (_request, reply) => {
        reply.hijack()
        reply.raw.write('abc')
        reply.raw.end()
      })
    }
  })
  const keep = get('/chunked').replace('Connection: close\r\n', '')
  await rawExchange(t, { port }, keep + keep + get('/chunked'))
  t.strictSame(await lines(), Array(3).fill('GET /chunked HTTP/1.1|200|3'))
})

t.test('logs what an earlier hook has refused', async t => {
  const directory = t.testdir()
  const app = Fastify()
  app.addHook('onRequest', async () => { throw Object.assign(new RangeError('no'), { statusCode: 421 }) })
  await app.register(accessLog, { file: join(directory, 'a.log'), format: '%s %b %{content-length}o %L' })
  await app.inject('/')
  await app.close()
  t.match(readFileSync(join(directory, 'a.log'), 'latin1'), /^421 ([1-9]\d*) \1 \d+\n$/)
})

t.test('an exchange that ended without an answer has no status', async t => {
  const { app, port, lines } = await build(t, {}, { routes: app => { app.get('/never', (_request, reply) => { reply.hijack() }) } })
  const client = await buildRawClient(t, port)
  client.send(get('/never'))
  const [request] = await once(app.server, 'request') as [IncomingMessage]
  client.socket.destroy()
  await once(request.socket, 'close')
  t.strictSame(await lines(), ['GET /never HTTP/1.1|-|-'])
})

t.test('an upgraded connection is logged with its status and all its bytes when it ends', async t => {
  const { port, lines } = await build(t, { format: '%r|%s|%b|%T' }, {
    routes: app => {
      // as the forward path does: the hooks run for the upgrade, then the socket leaves HTTP
      app.get('/ws', (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(101, { Connection: 'Upgrade', Upgrade: 'websocket' })
        reply.raw.flushHeaders()
        const socket = reply.raw.socket as Socket
        reply.raw.detachSocket(socket)
        socket.on('data', (data: Buffer) => { socket.end(`echo ${data.toString()}`) })
        socket.resume()
      })
      app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        const response = new ServerResponse(request)
        response.assignSocket(socket)
        app.routing(request, response)
      })
    }
  })
  const client = await buildRawClient(t, port)
  client.send('GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('101 Switching Protocols')
  client.send('ping')
  t.match(await client.closed(), /echo ping$/)
  t.match(await lines(), ['GET /ws HTTP/1.1|101|9|0'])
})

t.test('logs requests below the prefix only, and those with X-CorrelationID only', async t => {
  const { port, lines } = await build(t, { prefix: '/sap/', filter: 'SAPSMD', format: '%U' })
  for (const target of ['/sap/1', '/%73ap/2', '/other']) await rawExchange(t, { port }, get(target, 'X-CorrelationID: 1'))
  await rawExchange(t, { port }, get('/sap/3'))
  t.strictSame(await lines(), ['/sap/1', '/%73ap/2'])
})

t.test('names the verified client as user', async t => {
  const pki = await mintPki(t)
  const https = { key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true, rejectUnauthorized: false }
  const { port, lines } = await build(t, { format: '%u|%u1|%a|%S' }, { server: { https } })
  const stranger = await mintPki(t)
  for (const client of [pki.client, stranger.client]) {
    await rawExchange(t, { port, tls: { rejectUnauthorized: false, key: client.keyPem, cert: client.chainPem } }, get('/'))
  }
  await rawExchange(t, { port, tls: { rejectUnauthorized: false } }, get('/'))
  t.strictSame(await lines(), [`CN=user, OU=Test, O=Example, C=DE|CN=user, OU=Test, O=Example, C=DE|127.0.0.1|${port}`, `-|-|127.0.0.1|${port}`, `-|-|127.0.0.1|${port}`])
})

t.test('no line can be forged and no secret read, over a real connection', async t => {
  const { port, lines } = await build(t, { format: 'SAPSMD2' })
  await rawExchange(t, { port }, get('/a%0d%0a1.1.1.1;jsessionid=TOPSECRET?sap-password=TOPSECRET', 'X-CorrelationID: a"]\t\xff', 'Authorization: Basic TOPSECRET', 'Cookie: SAP_SESSIONID=TOPSECRET', 'SSL_CLIENT_CERT: TOPSECRET'))
  const [line = '', ...more] = await lines()
  t.strictSame(more, [])
  t.match(line, /^[\x20-\x7e]+$/)
  t.notMatch(line, /TOPSECRET/)
  t.match(line, 'h[a\\"\\x5d\\x09\\xff]')
})

t.test('switches by size, keeps as many files as it may, and can be registered several times', async t => {
  const { app, port, directory, lines } = await build(t, { format: '%U', maxSizeKb: 1, maxFiles: 2 })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  for (let n = 0; n < 8; n++) {
    await new Promise<void>(resolve => { httpRequest({ port, path: `/${n}${'x'.repeat(400)}`, agent }, answer => answer.resume().on('end', resolve)).end() })
  }
  agent.destroy()
  t.match((await lines()).map(line => line.slice(0, 2)), ['/6', '/7'])
  t.strictSame(readdirSync(directory).sort(), ['access.log', 'access.log_03'])
  t.equal(app.server.listening, false)
})

t.test('applications that write to one file share it, so that it is switched once', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-log-'))
  t.teardown(() => { rmSync(directory, { recursive: true }) })
  const file = join(directory, 'shared.log')
  const options = { file, format: '%r', maxSizeKb: 1, maxFiles: 20 }
  const apps = [await build(t, options), await build(t, options)]
  for (let count = 0; count < 20; count++) {
    for (const { port } of apps) await rawExchange(t, { port }, get(`/${'x'.repeat(80)}${count}`))
  }
  for (const { app } of apps) await app.close()
  const files = readdirSync(directory).map(name => readFileSync(join(directory, name), 'latin1'))
  t.equal(files.join('').split('\n').length - 1, 40, 'no line is lost')
  for (const text of files) t.ok(text.length <= 1024, 'no file is longer than it may be')
  await t.rejects(async () => {
    const first = await build(t, options)
    await build(t, { ...options, maxSizeKb: 2 })
    await first.app.close()
  }, { code: 'POSTERN_ERR_OPTIONS_INVALID' }, 'and agree on how it is switched')
})

t.test('opens its file anew when it is told that it was moved', async t => {
  const { app, port, directory, lines } = await build(t, { format: '%U' })
  await rawExchange(t, { port }, get('/1'))
  renameSync(join(directory, 'access.log'), join(directory, 'moved.log'))
  app.server.emit('refresh')
  await rawExchange(t, { port }, get('/2'))
  t.strictSame(await lines(), ['/2'])
  t.strictSame(readFileSync(join(directory, 'moved.log'), 'latin1'), '/1\n')
})

t.test('a log file that cannot be opened ends the start with its name', async t => {
  const file = join(t.testdir(), 'missing', 'a.log')
  await t.rejects(async () => { await Fastify().register(accessLog, { file }) }, { code: 'POSTERN_ERR_ACCESS_LOG_FILE', message: /missing\/a\.log.*ENOENT/ })
  await t.rejects(async () => { await Fastify().register(accessLog, { file: 'a_%x' }) }, { code: 'POSTERN_ERR_ACCESS_LOG_FILE' })
})

t.test('writes to standard output', async t => {
  const plugin = JSON.stringify(new URL('../../plugins/access-log.ts', import.meta.url).href)
  const program = `
    import Fastify from 'fastify'
    import { accessLog } from ${plugin}
    const app = Fastify()
    await app.register(accessLog, { file: process.env.FILE, format: 'logged %U' })
    await app.inject('/a?b')
    app.server.emit('refresh')
    await app.close()`
  for (const file of ['-', 'stdout']) {
    const { line } = runProgram(t, process.execPath, ['--input-type=module', '-e', program], { cwd: join(import.meta.dirname, '../..'), env: { ...process.env, FILE: file } })
    t.equal(await line(text => text.startsWith('logged')), 'logged /a?b')
  }
})

t.test('a full disk is said once and stops nothing', { skip: existsSync('/dev/full') ? false : 'needs /dev/full' }, async t => {
  const logged: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => { logged.push(line) } } } })
  await app.register(accessLog, { file: '/dev/full', format: `%U ${'x'.repeat(5000)}` })
  for (let n = 0; n < 3; n++) t.equal((await app.inject('/')).statusCode, 404)
  await app.close()
  t.match(logged, [/"file":"\/dev\/full".*ENOSPC/])
  t.equal(logged.length, 1)
})

t.test('checks its options', async t => {
  for (const wrong of [{}, { file: '' }, { file: 'a', maxFiles: 0 }, { file: 'a', switchTime: 'week' }, { file: 'a', filter: 'X' }, { file: 'a', more: 1 }]) {
    await t.rejects(async () => { await Fastify().register(accessLog, wrong as AccessLogOptions) }, { code: 'POSTERN_ERR_OPTIONS_INVALID' }, JSON.stringify(wrong))
  }
  await t.rejects(async () => { await Fastify().register(accessLog, { file: 'a', format: '%q' }) }, { code: 'POSTERN_ERR_ACCESS_LOG_FORMAT' })
})
