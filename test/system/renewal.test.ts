/** Identities and revocation lists replaced while the gateway is under load. Everything on loopback, each gateway a process of its own. */
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway, type GatewayProcess } from '../helpers/gateway-process.ts'
import { bundle } from '../helpers/landscape.ts'
import { startBackEnd, startLoad } from '../helpers/load/load.ts'
import type { SeenRequest } from '../helpers/load/back-end.ts'
import { failures, outcomes } from '../helpers/load/report.ts'
import { mintCrl, crlPem } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'

t.setTimeout(60_000)

/** As certificate managers do it: beside the old file, then in its place. */
function replace (file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

async function logged (gateway: GatewayProcess, text: string, times = 1): Promise<void> {
  let left = times
  await gateway.line(line => line.includes(text) && --left === 0)
}

async function renewed (pki: Pki, old: Issued, commonName: string, usage: 'server' | 'client'): Promise<Issued> {
  return await pki.issue({ subject: old.certificate.subject.replace(/CN=[^,]+/, `CN=${commonName}`), issuer: pki.intermediate, usage, ...usage === 'server' && { serverNames: ['localhost', '127.0.0.1'] } })
}

interface OpenConnection {
  readonly socket: TLSSocket
  readonly commonName: string
  ask (path: string): Promise<string>
}

/** A connection that stays open. */
async function connect (t: Test, port: number, pki: Pki, more: tls.ConnectionOptions = {}): Promise<OpenConnection> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pki.root.certPem, key: pki.client.keyPem, cert: pki.client.chainPem, ...more })
  t.teardown(() => { socket.destroy() })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return {
    socket,
    // a resumed session shows none
    commonName: socket.isSessionReused() ? '' : String(socket.getPeerCertificate().subject.CN),
    ask: async path => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      let text = ''
      while (!/\r\n\r\n[^]+/.test(text)) text += String((await once(socket, 'data'))[0])
      return text
    }
  }
}

/** A user's load: on connections that stay, and on one for each request. */
function startLoads (t: Test, port: number, { ca, cert, key }: { readonly ca: string, readonly cert: string, readonly key: string }) {
  const job = { origin: `https://localhost:${port}`, kind: 'get', bytes: 500, ca, cert, key } as const
  const loads = [
    startLoad(t, { ...job, concurrency: 4, pauseMs: 2 }),
    startLoad(t, { ...job, concurrency: 2, pauseMs: 20, keepAlive: false }),
    startLoad(t, { ...job, concurrency: 2, pauseMs: 5, delayMs: 300 }),
    startLoad(t, { ...job, kind: 'socket', concurrency: 2, pauseMs: 2 })
  ]
  return {
    running: async () => { await Promise.all(loads.map(async load => { await load.running() })) },
    stop: async () => {
      const reports = await Promise.all(loads.map(async load => await load.stop()))
      for (const report of reports) {
        t.same(failures(report), [], 'no request has failed', { outcomes: outcomes(report) })
        t.ok(report.exchanges.length > 3, `${report.exchanges.length} requests`)
      }
      t.same(reports[3]?.streams.map(({ outcome }) => outcome), ['ok', 'ok'], 'every WebSocket lived until its end')
    }
  }
}

function userFiles ({ file, root, client }: Pki) {
  return { ca: file('root.pem', root.certPem), cert: file('user.crt', client.chainPem), key: file('user.key', client.keyPem) }
}

t.test('server PSE and client PSE are renewed under load: no request fails, connections live on, the new certificates are in use', async t => {
  const pki = await mintPki(t)
  const user = userFiles(pki)
  const backEnd = await startBackEnd(t, { host: '127.0.0.1', port: 0, cert: pki.file('back.crt', pki.server.chainPem), key: pki.file('back.key', pki.server.keyPem), ca: user.ca })
  const [server, client] = [pki.file('server.pem', bundle(pki.server)), pki.file('client.pem', bundle(pki.gateway))]
  const gateway = await startGateway(t, pki.file('test.pfl', `icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
icm/HTTPS/forward_ccert_as_header = TRUE
ssl/server_pse = ${server}
ssl/client_pse = ${client}
wdisp/ssl_auth = 1
postern/trust_0 = PSE=${server}, CERTS=${user.ca}
postern/trust_1 = PSE=${client}, CERTS=${user.ca}
postern/reload_interval = 1
wdisp/system_0 = SID=ABC, EXTSRV=https://localhost:${backEnd.port}, SRCSRV=*:*
`))
  const port = await gateway.port('icm/server_port_0')
  const loads = startLoads(t, port, user)
  await loads.running()
  const old = await connect(t, port, pki)
  const tlsClient = async (connection: OpenConnection): Promise<string | null> => (JSON.parse((await connection.ask('/headers')).split('\r\n\r\n')[1] as string) as SeenRequest).tlsClient
  t.equal(await tlsClient(old), 'wd')

  // the watch finds it
  replace(server, bundle(await renewed(pki, pki.server, 'renewed server', 'server')))
  await logged(gateway, 'identity replaced')
  const next = await connect(t, port, pki)
  t.equal(old.commonName, 'localhost')
  t.equal(next.commonName, 'renewed server')
  t.equal(await tlsClient(old), 'wd', 'the old connection lives on')

  // a signal, twice at once
  replace(client, bundle(await renewed(pki, pki.gateway, 'renewed client', 'client')))
  gateway.child.kill('SIGHUP')
  gateway.child.kill('SIGHUP')
  await logged(gateway, 'identity replaced', 2)
  for (const connection of [old, next]) t.equal(await tlsClient(connection), 'renewed client')

  replace(server, bundle({ ...pki.server, keyPem: pki.client.keyPem }))
  await logged(gateway, 'loaded again, and refused')
  t.match(gateway.records().find(({ msg }) => String(msg).startsWith('loaded again')), { level: 50, parameter: 'ssl/server_pse', file: server, why: /server\.pem/, code: /^POSTERN_ERR_/ })
  t.equal((await connect(t, port, pki)).commonName, 'renewed server', 'what was there before stays')
  replace(server, bundle(pki.server))
  await logged(gateway, 'identity replaced', 3)
  t.equal((await connect(t, port, pki)).commonName, 'localhost')
  t.equal(await tlsClient(old), 'renewed client')
  await loads.stop()
  t.notMatch(gateway.lines.join('\n'), /BEGIN/)
})

t.test('both sides of reverse invoke are renewed under load', async t => {
  const pki = await mintPki(t)
  const user = userFiles(pki)
  const backEnd = await startBackEnd(t, { host: '127.0.0.1', port: 0 })
  const [server, registration, inner] = [pki.file('server.pem', bundle(pki.server)), pki.file('registration.pem', bundle(pki.server)), pki.file('inner.pem', bundle(pki.gateway))]
  const common = (pses: readonly string[]) => pses.map((pse, index) => `postern/trust_${index} = PSE=${pse}, CERTS=${user.ca}\n`).join('')
  const dmz = await startGateway(t, pki.file('dmz.pfl', `icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
icm/HTTPS/forward_ccert_as_header = TRUE
ssl/server_pse = ${server}
postern/ri/pse = ${registration}
${common([server, registration])}wdisp/system_0 = SID=APP, EXTSRV=http://app.inner:4300, SRCSRV=*:*
wdisp/reverse_invoke = TRUE
wdisp/ri/client_serv = 0
wdisp/ri/client_host = 127.0.0.1
wdisp/ri/acl_0 = P 127.0.0.1
postern/ri/allow_0 = SUBJECT="CN=*, OU=Gateway, O=Example, C=DE", ISSUER="CN=Issuing CA, O=Example, C=DE", ENDPOINTS=app.inner:4300
`))
  const registrationPort = await dmz.port('wdisp/ri/client_serv')
  const initiator = await startGateway(t, pki.file('inner.pfl', `icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0
ssl/client_pse = ${inner}
${common([inner])}wdisp/system_0 = SID=APP, EXTSRV=http://127.0.0.1:${backEnd.port}, SRCSRV=*:*
icm/trusted_reverse_proxy_0 = SUBJECT="CN=*, O=Example, C=DE", ISSUER="CN=Issuing CA, O=Example, C=DE"
postern/ri/client_0 = HOST=localhost, PORT=${registrationPort}, ENDPOINTS=app.inner:4300=127.0.0.1:${backEnd.port}
`))
  await logged(initiator, 'registered with the acceptor')
  const port = await dmz.port('icm/server_port_0')
  const loads = startLoads(t, port, user)
  await loads.running()
  const old = await connect(t, port, pki)

  replace(inner, bundle(await renewed(pki, pki.gateway, 'renewed inner', 'client')))
  initiator.child.kill('SIGHUP')
  await logged(initiator, 'identity replaced')
  await dmz.line(line => line.includes('"initiator registered"') && line.includes('renewed inner'))
  await dmz.line(line => line.includes('"initiator is draining"') && line.includes('CN=wd,'))

  replace(registration, bundle(await renewed(pki, pki.server, 'renewed registration', 'server')))
  dmz.child.kill('SIGHUP')
  await logged(dmz, 'identity replaced')
  t.equal((await connect(t, registrationPort, pki)).commonName, 'renewed registration')

  replace(server, bundle(await renewed(pki, pki.server, 'renewed server', 'server')))
  dmz.child.kill('SIGHUP')
  await logged(dmz, 'identity replaced', 2)
  t.equal((await connect(t, port, pki)).commonName, 'renewed server')
  t.match(await old.ask('/headers'), /^HTTP\/1\.1 200/)
  await loads.stop()
  // its WebSockets had lived on until then
  await dmz.line(line => line.includes('"registration ended"') && line.includes('CN=wd,') && line.includes('"reason":"bye"'))
})

for (const by of ['SIGHUP', 'the watch'] as const) {
  t.test(`a revoked user is refused on full and on resumed sessions once the lists are replaced, by ${by}`, async t => {
    const pki = await mintPki(t)
    const user = userFiles(pki)
    const backEnd = await startBackEnd(t, { host: '127.0.0.1', port: 0 })
    const server = pki.file('server.pem', bundle(pki.server))
    const lists = join(dirname(server), 'crls')
    mkdirSync(lists)
    writeFileSync(join(lists, 'root.crl'), mintCrl({ issuer: pki.root }))
    const userList = join(lists, 'users.crl')
    writeFileSync(userList, crlPem(mintCrl({ issuer: pki.intermediate })))
    const gateway = await startGateway(t, pki.file('test.pfl', `icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
ssl/server_pse = ${server}
postern/trust_0 = PSE=${server}, CERTS=${user.ca}
postern/crl_0 = ${lists}
postern/crl_policy = hard
postern/reload_interval = ${by === 'SIGHUP' ? 0 : 1}
wdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:${backEnd.port}, SRCSRV=*:*
`))
    const port = await gateway.port('icm/server_port_0')
    const only = { maxVersion: 'TLSv1.2' } as const
    const first = await connect(t, port, pki, only)
    t.match(await first.ask('/headers'), /^HTTP\/1\.1 200/)
    const session = first.socket.getSession() as Buffer
    const resumed = await connect(t, port, pki, { ...only, session })
    t.equal(resumed.socket.isSessionReused(), true)
    const other = { key: pki.gateway.keyPem, cert: pki.gateway.chainPem }
    const good = await connect(t, port, pki, other)

    const ended = [first, resumed].map(async ({ socket }) => { await once(socket, 'close') })
    replace(userList, crlPem(mintCrl({ issuer: pki.intermediate, revoked: [{ certificate: pki.client, reason: 1 }], number: 2 })))
    if (by === 'SIGHUP') gateway.child.kill('SIGHUP')
    await logged(gateway, 'revocation lists replaced')
    await Promise.all(ended)
    for (const more of [{ ...only }, { ...only, session }, {}]) {
      await t.rejects(connect(t, port, pki, more).then(async ({ ask, socket }) => await Promise.race([ask('/headers'), once(socket, 'close').then(() => { throw new Error('closed') })])))
    }
    await logged(gateway, 'client certificate refused', 3)
    t.match(gateway.records().filter(({ msg }) => msg === 'client certificate refused'), Array.from({ length: 3 }, () => ({ reason: 'CERT_REVOKED' })))
    const nobody = await connect(t, port, pki, { ...only, session, key: undefined, cert: undefined })
    t.equal(nobody.socket.isSessionReused(), false, 'the session alone is nothing')
    t.match(await good.ask('/headers'), /^HTTP\/1\.1 200/, 'others are not concerned')
    t.match(await (await connect(t, port, pki, other)).ask('/headers'), /^HTTP\/1\.1 200/)

    replace(userList, 'nonsense')
    if (by === 'SIGHUP') gateway.child.kill('SIGHUP')
    await logged(gateway, 'loaded again, and refused')
    t.match(await good.ask('/headers'), /^HTTP\/1\.1 200/)
    await t.rejects(connect(t, port, pki, only).then(async ({ socket }) => await once(socket, 'close').then(() => { throw new Error('closed') })), 'the old lists stay in force')
  })
}
