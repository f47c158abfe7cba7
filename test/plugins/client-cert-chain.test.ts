import t from 'tap'
import { clientCertHeaders, type ClientCertHeadersOptions } from '../../plugins/client-cert-headers.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildViewServer, fieldInAllViews, sendRaw } from '../helpers/request-views.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

t.test('a client whose next issuer nobody knows is reported once, by subject and missing issuer', async t => {
  const pki = await mintPki(t)
  const tls = { ca: pki.root.certPem, servername: 'localhost', key: pki.client.keyPem, cert: pki.client.certPem }
  const build = async (options: ClientCertHeadersOptions) => await buildViewServer(t, async app => { await app.register(clientCertHeaders, options) }, {
    https: { key: pki.server.keyPem, cert: pki.server.chainPem, ca: [pki.root.certPem, pki.intermediate.certPem], requestCert: true, rejectUnauthorized: true }
  })
  const { port, log } = await build({ forwardClientCertificate: true })
  for (let n = 0; n < 2; n++) {
    const { views } = await sendRaw(t, port, get, tls)
    t.strictSame(fieldInAllViews(t, views, 'SSL_CLIENT_CERT'), [pki.client.der.toString('base64')])
    t.strictSame(fieldInAllViews(t, views, 'SSL_CLIENT_CERT_CHAIN_1'), [])
  }
  const lines = log.filter(({ msg }) => String(msg).startsWith('the chain of a client certificate is incomplete'))
  t.match(lines, [{ level: 40, subject: 'CN=user, OU=Test, O=Example, C=DE', issuerMissing: 'CN=Issuing CA, O=Example, C=DE' }])
  t.equal(lines.length, 1)
  const quiet = await build({ forwardClientCertificate: false })
  await sendRaw(t, quiet.port, get, tls)
  t.notOk(quiet.log.some(({ msg }) => String(msg).includes('incomplete')), 'nothing is forwarded there')
})
