import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { issue } from '../../src/x509/issue.ts'

t.test('a CA, and below it a certificate with names, as OpenSSL reads them', async t => {
  const ca = await issue({ subject: [['C', 'DE'], ['O', 'Example'], ['EMAIL', 'ca@example.com'], ['CN', 'CA']], ca: true, keyType: 'rsa' })
  const leaf = await issue({ subject: [['CN', 'a.example']], issuer: ca, serverNames: ['a.example', '127.0.0.1', '::1'], days: 2 })
  const [upper, lower] = [new X509Certificate(ca.certificate), new X509Certificate(leaf.certificate)]
  t.ok(upper.ca)
  t.notOk(lower.ca)
  t.ok(lower.checkIssued(upper) && lower.verify(upper.publicKey))
  t.ok(lower.checkPrivateKey(leaf.privateKey))
  t.equal(lower.subjectAltName, 'DNS:a.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  t.match(parseCertificate(leaf.certificate), { subject: 'CN=a.example', issuer: 'CN=CA, EMAIL=ca@example.com, O=Example, C=DE' })
  t.ok(lower.validToDate.getTime() - Date.now() < 3 * 86_400_000)
})

t.test('without an issuer it is self-signed, with negative days it has ended', async t => {
  const old = new X509Certificate((await issue({ subject: [['CN', 'old']], days: -1 })).certificate)
  t.ok(old.verify(old.publicKey))
  t.ok(old.validToDate.getTime() < Date.now())
  t.ok(old.validFromDate < old.validToDate)
})
