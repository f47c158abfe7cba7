import t from 'tap'
import { issuersOf, tlsOptionsOf } from '../../src/gateway/tls.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki } from '../helpers/pki.ts'
import { planOfText } from '../helpers/profile-plan.ts'

t.test('the TLS of a listener: its identities in order, its settings, the issuers it knows', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t)]
  const { plan } = planOfText(`icm/server_port_0 = PROT=HTTPS, PORT=443, SSLCONFIG=ssl_config_0
icm/server_port_1 = PROT=HTTP, PORT=80
icm/ssl_config_0 = CRED=/a.pem, SNI_CREDS=/b.pem, VCLIENT=2, LIFETIME=60
wdisp/system_0 = SID=ABC, EXTSRV=http://a.example
`)
  const [https, http] = plan!.listeners
  const identities = new Map([['/b.pem', identityOf(other.server, [])], ['/a.pem', identityOf(pki.server, [other.root])]])
  const options = tlsOptionsOf(https!, { identities })
  t.match(options, { verifyClient: 2, sessionTimeoutSeconds: 60, minVersion: 'TLSv1.2', identities: [{ name: '/a.pem' }, { name: '/b.pem' }] })
  t.equal(options.identities[1]?.identity, identities.get('/b.pem'))
  const { known } = issuersOf(https!, { identities })
  t.strictSame(known.map(({ subject }) => subject), [
    other.root, pki.intermediate, pki.root, other.intermediate, other.root
  ].map(({ certificate }) => certificate.subject))
  t.strictSame(issuersOf(http!, { identities }).known, [])
})

t.test('the issuers follow a renewed identity, with an empty cache; else they are the same', async t => {
  const [pki, other] = [await mintPki(t), await mintPki(t)]
  const identities = new Map([['/a.pem', identityOf(pki.server, [pki.root])]])
  const { plan } = planOfText('icm/server_port_0 = PROT=HTTPS, PORT=443\nssl/server_pse = /a.pem\nwdisp/system_0 = SID=ABC, EXTSRV=http://a.example\n')
  const source = issuersOf(plan!.listeners[0]!, { identities })
  const { known, cache } = source
  t.equal(source.known, known)
  t.equal(source.cache, cache)
  identities.set('/a.pem', identityOf(pki.server, [other.root]))
  t.strictSame(source.known.map(({ fingerprint256 }) => fingerprint256), [other.root, pki.intermediate, pki.root].map(({ certificate }) => certificate.fingerprint256))
  t.not(source.cache, cache)
})
