import t, { type Test } from 'tap'
import { startGateway } from '../helpers/gateway-process.ts'
import { bundle, curl } from '../helpers/landscape.ts'
import { runLoad, startBackEnd, startLoad } from '../helpers/load/load.ts'
import type { SeenRequest } from '../helpers/load/back-end.ts'
import { between, failures, firstGoodAfter, outcomes, percentile } from '../helpers/load/report.ts'
import { networkOf, noNamespaces, type Network } from '../helpers/network.ts'
import { traceConnects } from '../helpers/network/connects.ts'
import { mintPki, type Pki } from '../helpers/pki.ts'

const skip = noNamespaces()

/** The network of a gateway in front of another one, with one hole in the inner firewall: what reverse invoke makes unnecessary. */
async function twoZones (t: Test): Promise<Network> {
  return await networkOf(t, {
    links: { outside: ['client', 'dmz'], inside: ['dmz', 'inner'] },
    firewall: { dmz: [{ port: 443, from: 'client' }], inner: [{ port: 4300, from: 'dmz' }] },
    hosts: { 'www.example.com': 'dmz' }
  })
}

/** Client, gateway in the DMZ, gateway inside, back end: each in its own process and namespace. */
async function twoGateways (t: Test, network: Network, throughDmz: readonly string[] = []) {
  const pki = await mintPki(t, { serverNames: ['www.example.com', 'inner'] })
  const files = filesOf(pki)
  const backEnd = await startBackEnd(t, { host: '127.0.0.1', port: 8000 }, { within: network.within('inner') })
  const identities = `ssl/server_pse = ${files.server}
ssl/client_pse = ${files.gateway}
postern/trust_0 = PSE=${files.server}, CERTS=${files.ca}
postern/trust_1 = PSE=${files.gateway}, CERTS=${files.ca}
icm/HTTPS/forward_ccert_as_header = TRUE
`
  const innerProfile = pki.file('inner.pfl', `${identities}
icm/server_port_0 = PROT=HTTPS, HOST=${network.address('inner')}, PORT=4300, VCLIENT=2
icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd, OU=Gateway, O=Example, C=DE", ISSUER="CN=Issuing CA, O=Example, C=DE"
wdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:8000, SRCSRV=*:*
`)
  const startInner = async () => await startGateway(t, innerProfile, [], { within: network.within('inner') })
  const inner = await startInner()
  const dmz = await startGateway(t, pki.file('dmz.pfl', `${identities}
icm/server_port_0 = PROT=HTTPS, HOST=${network.address('dmz', 'client')}, PORT=443, VCLIENT=1
wdisp/ssl_auth = 1
wdisp/add_xforwardedfor_header = TRUE
wdisp/system_0 = SID=WD2, EXTSRV=https://inner:4300, SRCSRV=*:*
`), [], { within: [...network.within('dmz'), ...throughDmz] })
  const user = { origin: 'https://www.example.com', ca: files.ca, cert: files.userCert, key: files.userKey }
  return { pki, files, backEnd, inner, startInner, dmz, user, client: { within: network.within('client') } }
}

function filesOf ({ file, root, server, gateway, client }: Pki) {
  return {
    ca: file('root.pem', root.certPem),
    server: file('server.pem', bundle(server)),
    gateway: file('gateway.pem', bundle(gateway)),
    userCert: file('user.crt', client.chainPem),
    userKey: file('user.key', client.keyPem)
  }
}

t.test('a request passes two gateways in their namespaces, with the user\'s certificate', { skip }, async t => {
  const network = await twoZones(t)
  const trace = traceConnects(t)
  const { pki, files, client } = await twoGateways(t, network, trace.within)
  const seen = JSON.parse(await curl(['--cacert', files.ca, '--cert', files.userCert, '--key', files.userKey, 'https://www.example.com/headers'], client)) as SeenRequest
  const fields = new Map(seen.rawHeaders.flatMap((name, index) => index % 2 === 0 ? [[name.toLowerCase(), seen.rawHeaders[index + 1]]] : []) as Array<[string, string]>)
  t.equal(fields.get('ssl_client_cert'), pki.client.der.toString('base64'))
  t.match(fields.get('x-forwarded-for'), network.address('client'))
  t.same(trace.connects(), [{ address: network.address('inner', 'dmz'), port: 4300 }], 'the trace has the one connection that was opened')
  t.match(await network.syns('inner'), { accepted: 1, dropped: 0, sent: 0 })
})

t.test('load: every answer is checked, with and without keep-alive, bodies and WebSockets', { skip }, async t => {
  const network = await twoZones(t)
  const { user, client, backEnd } = await twoGateways(t, network)
  const jobs = [
    { kind: 'get', bytes: 600, concurrency: 8, requests: 100 },
    { kind: 'get', bytes: 600, concurrency: 4, requests: 12, keepAlive: false },
    { kind: 'post', bytes: 20_000, concurrency: 8, requests: 40 }
  ] as const
  for (const job of jobs) {
    const report = await runLoad(t, { ...user, ...job }, client)
    t.same(outcomes(report), { ok: job.requests })
    t.ok(percentile(report, 0.5) <= percentile(report, 0.99))
  }
  const sockets = await runLoad(t, { ...user, kind: 'socket', bytes: 1000, concurrency: 2, requests: 40 }, client)
  t.same(sockets.streams.map(({ outcome }) => outcome), ['ok', 'ok'])
  t.equal(sockets.streams.reduce((sum, { bytes }) => sum + bytes, 0), 40_000)
  const reader = await runLoad(t, { ...user, kind: 'read', bytes: 2 * 1024 * 1024 + 7, concurrency: 2 }, client)
  t.same(reader.streams, [{ bytes: 2 * 1024 * 1024 + 7, outcome: 'ok' }, { bytes: 2 * 1024 * 1024 + 7, outcome: 'ok' }])
  await backEnd.stop('SIGKILL')
  const refused = await runLoad(t, { ...user, kind: 'get', bytes: 10, concurrency: 1, requests: 3 }, client)
  t.same(outcomes(refused), { 'status 502': 3 })
})

t.test('a killed gateway is seen as it is: failures by kind, and the first good answer after its return', { skip }, async t => {
  const network = await twoZones(t)
  const { user, client, inner, startInner } = await twoGateways(t, network)
  const load = startLoad(t, { ...user, kind: 'get', bytes: 100, concurrency: 4, pauseMs: 5 }, client)
  await load.running()
  await inner.stop('SIGKILL')
  const killed = Date.now()
  const meanwhile = await runLoad(t, { ...user, kind: 'get', bytes: 100, concurrency: 1, requests: 10 }, client)
  const restarted = Date.now()
  await startInner()
  await runLoad(t, { ...user, kind: 'get', bytes: 100, concurrency: 1, requests: 10 }, client)
  const report = await load.stop()
  t.ok(between(report, killed, restarted).exchanges.length > 0)
  t.notOk(between(report, killed, restarted).exchanges.some(({ at, ms, outcome }) => outcome === 'ok' && at + ms < restarted), 'no answer while nobody is there')
  t.ok(failures(report).every(({ outcome }) => /^status 50[23]$/.test(outcome)), 'refused', { outcomes: outcomes(report) })
  t.notOk('ok' in outcomes(meanwhile))
  t.ok(firstGoodAfter(report, restarted) < 5000, 'and they come back', { ms: firstGoodAfter(report, restarted) })
})
