/** Reverse invoke through a firewall that lets nothing in: requests, WebSockets and header fields, by each way through the tunnel. */
import t, { type Test } from 'tap'
import { curl, opensslBase64 } from '../helpers/landscape.ts'
import type { SeenRequest } from '../helpers/load/back-end.ts'
import { runLoad } from '../helpers/load/load.ts'
import { outcomes } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { traceConnects } from '../helpers/network/connects.ts'
import { runToEnd } from '../helpers/processes.ts'
import { buildZones, registered, type Way, type Zones } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(180_000)

const skip = noNamespaces()

/** In the value of every forged field. */
const mark = 'Rk9SR0VE'
const spellings = ['SSL_CLIENT_CERT', 'ssl-client-cert', 'Ssl.Client.Cert', 'HTTP_SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_CHAIN_1', 'SSL_CIPHER_SUITE', 'Client-Cert', 'X-Forwarded-Client-Cert', 'clientprotocol', 'x-sap-webdisp-ap']

const suites = [
  { name: 'ECDHE-ECDSA-AES256-GCM-SHA384', bits: '256', options: ['--tls-max', '1.2', '--ciphers', 'ECDHE-ECDSA-AES256-GCM-SHA384'] },
  { name: 'TLS_AES_128_GCM_SHA256', bits: '128', options: ['--tls13-ciphers', 'TLS_AES_128_GCM_SHA256'] }
]

function fieldsOf ({ rawHeaders }: SeenRequest): Array<[name: string, value: string]> {
  return rawHeaders.flatMap((name, index) => index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] as Array<[string, string]> : [])
}

function sslFields (seen: SeenRequest): Array<[string, string]> {
  return fieldsOf(seen).filter(([name]) => /ssl|client.?cert|clientprotocol|webdisp/i.test(name))
}

/** A request as the back end sees it. */
async function see ({ ca, client }: Zones, options: readonly string[]): Promise<SeenRequest> {
  return JSON.parse(await curl(['--cacert', ca, ...options, 'https://www.example.com/headers'], client)) as SeenRequest
}

/** The code of a cipher suite as OpenSSL has it, in four digits. */
async function opensslCode (suite: string): Promise<string> {
  const { stdout } = await runToEnd('openssl', ['ciphers', '-V', 'ALL'])
  const [, high = '', low = ''] = new RegExp(`0x(..),0x(..) - ${suite} `).exec(stdout) ?? []
  return high + low
}

async function checkFields (t: Test, zones: Zones): Promise<void> {
  const { userCert, userKey, pki } = zones
  const asUser = ['--cert', userCert, '--key', userKey]
  const certificates = [['SSL_CLIENT_CERT', await opensslBase64(pki.client.certPem)], ['SSL_CLIENT_CERT_CHAIN_1', await opensslBase64(pki.intermediate.certPem)]]
  for (const { name, bits, options } of suites) {
    const cipher = [['SSL_CIPHER_USEKEYSIZE', bits], ['SSL_CIPHER_SUITE', await opensslCode(name)]]
    // three times: the second and third may go over connections whose TLS was resumed
    for (const round of [1, 2, 3]) t.same(sslFields(await see(zones, [...asUser, ...options])), [...certificates, ...cipher], `${name}, ${round}`)
    t.same(sslFields(await see(zones, options)), cipher, `${name}: without a user no certificate, and no gateway's in its place`)
    const forged = await see(zones, [...asUser, ...options, ...spellings.flatMap(field => ['-H', `${field}: ${mark}`])])
    t.same(sslFields(forged), cipher, `${name}: who forges fields is no user`)
    t.notMatch(JSON.stringify(forged), mark)
  }
}

/** In the end-to-end way the gateways cannot look into what passes: the one in the DMZ is the client there. */
async function checkForwardedFor (t: Test, zones: Zones, way: Way): Promise<void> {
  const { network } = zones
  const forwardedFor = async (...options: string[]): Promise<string> => fieldsOf(await see(zones, options)).filter(([name]) => /^x-forwarded-for$/i.test(name)).map(([, value]) => value).join(', ')
  const [client, dmz] = [network.address('client'), network.address('dmz', 'inner')]
  const expected = way === 'end-to-end' ? dmz : `${client}, ${dmz}`
  t.equal(await forwardedFor(), expected)
  t.equal(await forwardedFor('-H', 'X-Forwarded-For: 192.0.2.1'), `192.0.2.1, ${expected}`, 'what the client says itself stays in front of what is known')
}

for (const way of ['http', 'tls inside', 'end-to-end'] as const) {
  t.test(`${way}: from the client to the back end, and nobody has opened a connection inwards`, { skip }, async t => {
    const zones = await buildZones(t, { way })
    const { network, user, client } = zones
    const trace = traceConnects(t)
    const dmz = await zones.startDmz({ through: trace.within })
    const [status, ms] = (await curl(['--cacert', zones.ca, '-o', '/dev/null', '-w', '%{http_code} %{time_total}', 'https://www.example.com/'], client).catch(() => 'closed 0')).split(' ')
    t.equal(status, way === 'end-to-end' ? 'closed' : '503', 'nobody is registered yet')
    t.ok(Number(ms) < 1, 'that is said at once')
    await dmz.line(line => line.includes('POSTERN_ERR_REVERSE_INVOKE_NOT_REGISTERED'))
    await registered(await zones.startInner())

    await checkFields(t, zones)
    await checkForwardedFor(t, zones, way)
    for (const job of [{ kind: 'get', bytes: 600, requests: 100 }, { kind: 'post', bytes: 20_000, requests: 40 }, { kind: 'socket', bytes: 1000, requests: 40 }] as const) {
      const report = await runLoad(t, { ...user, ...job, concurrency: 4 }, client)
      t.same(outcomes(report), { ok: job.requests }, job.kind)
      t.notOk(report.streams.some(({ outcome }) => outcome !== 'ok'))
    }

    t.same(trace.connects(), [], 'the DMZ gateway has asked the kernel for no connection')
    t.match(await network.syns('dmz'), { sent: 0, dropped: 0 })
    t.match(await network.syns('inner'), { accepted: 0, dropped: 0 })
    t.equal((await runToEnd('curl', ['-sSk', '--connect-timeout', '1', `https://${network.address('inner')}:4300/`], { within: network.within('dmz') })).code, 28, 'and could have opened none')
    t.ok((await network.syns('inner')).dropped > 0)
  })
}
