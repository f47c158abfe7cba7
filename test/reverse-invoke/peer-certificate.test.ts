import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { peerCertificate } from '../../src/reverse-invoke/peer-certificate.ts'
import { mintPki } from '../helpers/pki.ts'

t.test('names as SAP prints them; alternative names count, and no common name beside them', async t => {
  const { server } = await mintPki(t, { serverNames: ['dmz.example', '*.inner.example'] })
  const certificate = peerCertificate(new X509Certificate(server.der))
  t.match(certificate, { subject: 'CN=localhost, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' })
  for (const [host, fits] of [['dmz.example', true], ['a.inner.example', true], ['a.b.inner.example', false], ['other.example', false]] as const) t.equal(certificate?.isFor(host), fits, host)
})

t.test('a certificate that cannot be read exactly counts as none', async t => {
  t.equal(peerCertificate({ raw: Buffer.from('3000', 'hex') } as X509Certificate), null)
})
