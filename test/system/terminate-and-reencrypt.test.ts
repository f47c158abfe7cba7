import t from 'tap'
import { startGateway } from '../helpers/gateway-process.ts'
import { buildLandscape, curl, fieldsOf, opensslBase64, type Landscape } from '../helpers/landscape.ts'
import { runToEnd } from '../helpers/processes.ts'

const spoofed = [
  'SSL_CLIENT_CERT', 'ssl-client-cert', 'Ssl_Client-Cert', 'SSL_CLIENT_CERT_CHAIN_1', 'SSL-CLIENT-CERT-CHAIN-99', 'ssl_client_cert_chain_0001',
  'SSL_CIPHER_SUITE', 'ssl-cipher-suite', 'SSL_CIPHER_USEKEYSIZE', 'SSL.CLIENT.CERT', 'SSLCLIENTCERT', 'Client-Cert', 'Client-Cert-Chain',
  'X-Forwarded-Client-Cert', 'clientprotocol', 'x-sap-webdisp-ap', 'x-sap-webdisp-target-sid'
]

function profileText ({ identityLines, backend }: Landscape, more = ''): string {
  return `
SAPSYSTEM = 00
icm/server_port_0 = PROT=HTTPS, HOST=127.0.0.1, PORT=0
icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=0
icm/HTTPS/verify_client = 1
icm/HTTPS/forward_ccert_as_header = TRUE
wdisp/ssl_auth = 1
wdisp/system_0 = SID=ABC, EXTSRV=${backend}, SRCSRV=*:*
${identityLines}${more}`
}

function sslFields (head: string): Array<[string, string]> {
  return fieldsOf(head).filter(([name]) => /ssl|client.?cert|clientprotocol|webdisp/i.test(name))
}

t.test('with nginx as a back end that demands a client certificate', async t => {
  const landscape = await buildLandscape(t)
  const gateway = await startGateway(t, landscape.profile('gateway.pfl', profileText(landscape)))
  const url = `https://localhost:${await gateway.port('icm/server_port_0')}/sap/bc/ping?x=1`
  const plainUrl = `http://127.0.0.1:${await gateway.port('icm/server_port_1')}/sap/bc/ping`
  const tls = ['--cacert', landscape.rootFile]
  const asUser = [...tls, '--cert', landscape.userCertificateFile, '--key', landscape.userKeyFile]
  const { pki } = landscape

  t.test('a user certificate arrives as the four kinds of fields, byte-equal to what openssl computes', async t => {
    const head = await curl([...asUser, '--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES256-GCM-SHA384', url])
    t.same(sslFields(head), [
      ['SSL_CLIENT_CERT', await opensslBase64(pki.client.certPem)],
      ['SSL_CLIENT_CERT_CHAIN_1', await opensslBase64(pki.intermediate.certPem)],
      ['SSL_CIPHER_USEKEYSIZE', '256'],
      ['SSL_CIPHER_SUITE', 'C030']
    ])
    t.match(head, /^GET \/sap\/bc\/ping\?x=1 HTTP/)
    t.match(head, /X-Seen-Client: CN=wd,OU=Gateway,O=Example,C=DE/, 'the gateway authenticated with its client PSE')
  })

  t.test('the same on resumed sessions, TLS 1.2 and 1.3', async t => {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const session = pki.file(`session${version}`, '')
      for (const [round, option] of [['full', '-sess_out'], ['resumed', '-sess_in']] as const) {
        const { stdout } = await runToEnd('openssl', ['s_client', '-connect', new URL(url).host, '-servername', 'localhost', '-CAfile', landscape.rootFile,
          '-cert', landscape.userCertificateFile, '-key', landscape.userKeyFile, '-cert_chain', landscape.userCertificateFile, version, option, session, '-ign_eof'],
        { input: 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' })
        t.match(stdout, round === 'resumed' ? /^Reused, /m : /^New, /m, `${version} ${round}`)
        const fields = new Map(sslFields(stdout.slice(stdout.indexOf('GET / HTTP/1.1'))))
        t.equal(fields.get('SSL_CLIENT_CERT'), await opensslBase64(pki.client.certPem))
        t.equal(fields.get('SSL_CLIENT_CERT_CHAIN_1'), await opensslBase64(pki.intermediate.certPem))
      }
    }
  })

  t.test('without a user certificate only the two cipher fields arrive', async t => {
    t.same(sslFields(await curl([...tls, '--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256', url])),
      [['SSL_CIPHER_USEKEYSIZE', '128'], ['SSL_CIPHER_SUITE', 'C02F']])
  })

  t.test('over HTTP none arrives', async t => {
    t.same(sslFields(await curl([plainUrl])), [])
  })

  t.test('every spoofed spelling is gone, over HTTPS with and without a certificate, and over HTTP', async t => {
    const forged = spoofed.flatMap(name => ['--header', `${name}: FORGED`])
    for (const args of [[...asUser, url], [...tls, url], [plainUrl]]) {
      const head = await curl([...forged, ...args])
      t.notMatch(head, /FORGED/)
    }
  })
})

t.test('forward_ccert_as_header = FALSE adds nothing', async t => {
  const landscape = await buildLandscape(t)
  const gateway = await startGateway(t, landscape.profile('gateway.pfl', profileText(landscape)), ['icm/HTTPS/forward_ccert_as_header=FALSE'])
  const url = `https://localhost:${await gateway.port('icm/server_port_0')}/`
  const head = await curl(['--cacert', landscape.rootFile, '--cert', landscape.userCertificateFile, '--key', landscape.userKeyFile, '--header', 'SSL_CLIENT_CERT: FORGED', url])
  t.same(sslFields(head), [])
})

t.test('an orderly stop ends with 0 on SIGINT and on SIGTERM', async t => {
  const landscape = await buildLandscape(t)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const gateway = await startGateway(t, landscape.profile('gateway.pfl', profileText(landscape)))
    t.same(await gateway.stop(signal), { code: 0, signal: null })
  }
})
