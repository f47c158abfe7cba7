import t from 'tap'
import { startGateway, type GatewayProcess } from '../helpers/gateway-process.ts'
import { buildLandscape, curl, fieldsOf, opensslBase64, type Landscape } from '../helpers/landscape.ts'

/** Subject and issuer of the first gateway's certificate, as SAP prints them. */
const trusted = { subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' }

function secondProfile ({ identityLines, backend }: Landscape, { subject, issuer } = trusted): string {
  return `
SAPSYSTEM = 02
icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=2
icm/trusted_reverse_proxy_0 = SUBJECT="${subject}", ISSUER="${issuer}"
icm/HTTPS/forward_ccert_as_header = TRUE
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ABC, EXTSRV=${backend}, SRCSRV=*:*
${identityLines}`
}

function firstProfile ({ identityLines }: Landscape, next: string): string {
  return `
SAPSYSTEM = 01
icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
icm/HTTPS/forward_ccert_as_header = TRUE
wdisp/ssl_auth = 1
wdisp/system_0 = SID=WD2, EXTSRV=${next}, SRCSRV=*:*
${identityLines}`
}

async function buildCascade (t: Parameters<typeof buildLandscape>[0], landscape: Landscape, trust = trusted): Promise<{ second: GatewayProcess, url: string }> {
  const second = await startGateway(t, landscape.profile('second.pfl', secondProfile(landscape, trust)))
  const first = await startGateway(t, landscape.profile('first.pfl', firstProfile(landscape, `https://localhost:${await second.port('icm/server_port_0')}`)))
  return { second, url: `https://localhost:${await first.port('icm/server_port_0')}/x` }
}

function sslFields (head: string): Array<[string, string]> {
  return fieldsOf(head).filter(([name]) => /^ssl/i.test(name))
}

t.test('fields of the first gateway arrive unchanged when the second trusts it by subject and issuer', async t => {
  const landscape = await buildLandscape(t)
  const { url } = await buildCascade(t, landscape)
  const head = await curl(['--cacert', landscape.rootFile, '--cert', landscape.userCertificateFile, '--key', landscape.userKeyFile, '--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256', url])
  t.same(sslFields(head), [
    ['SSL_CLIENT_CERT', await opensslBase64(landscape.pki.client.certPem)],
    ['SSL_CLIENT_CERT_CHAIN_1', await opensslBase64(landscape.pki.intermediate.certPem)],
    ['SSL_CIPHER_USEKEYSIZE', '128'],
    ['SSL_CIPHER_SUITE', 'C02F']
  ], 'the cipher is that of the browser\'s connection')
  const anonymous = sslFields(await curl(['--cacert', landscape.rootFile, '--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256', url]))
  t.same(anonymous, [['SSL_CIPHER_USEKEYSIZE', '128'], ['SSL_CIPHER_SUITE', 'C02F']])
})

t.test('they are removed when a character differs, and the log shows which one', async t => {
  const cases = [
    {
      trust: { ...trusted, subject: 'CN=wd, OU=Gateway, O=Examples, C=DE' },
      difference: { part: 'subject', dnSeen: trusted.subject, dnExpected: 'CN=wd, OU=Gateway, O=Examples, C=DE', position: 29, seen: ',', expected: 's' }
    },
    {
      trust: { ...trusted, issuer: 'CN=issuing CA, O=Example, C=DE' },
      difference: { part: 'issuer', dnSeen: trusted.issuer, dnExpected: 'CN=issuing CA, O=Example, C=DE', position: 4, seen: 'I', expected: 'i' }
    }
  ]
  const landscape = await buildLandscape(t)
  const gatewayCertificate = await opensslBase64(landscape.pki.gateway.certPem)
  for (const { trust, difference } of cases) {
    const { second, url } = await buildCascade(t, landscape, trust)
    const head = await curl(['--cacert', landscape.rootFile, '--cert', landscape.userCertificateFile, '--key', landscape.userKeyFile, url])
    t.same(sslFields(head).map(([name]) => name), ['SSL_CIPHER_USEKEYSIZE', 'SSL_CIPHER_SUITE'], 'the cipher fields of the connection are left')
    t.notOk(head.includes(gatewayCertificate), 'the first gateway\'s own certificate never arrives as the user\'s')
    const line = await second.line(text => text.includes('"dnSeen"'))
    t.match(JSON.parse(line), difference)
    t.notMatch(line, gatewayCertificate.slice(0, 64))
  }
})
