import { X509Certificate } from 'node:crypto'
import t from 'tap'
import fc from 'fast-check'
import { opensslView, parseCertificate } from '../../src/x509/certificate.ts'
import { mintPki } from '../helpers/pki.ts'

const faulty = { code: 'POSTERN_ERR_X509_CERTIFICATE_INVALID' }

t.test('parses a certificate', async t => {
  const { client, root } = await mintPki(t, { rootSubject: 'EMAIL=ca@example.com, O=Example CA, L=City, SP=State, C=BR' })
  const certificate = parseCertificate(client.der)
  const openssl = new X509Certificate(client.der)
  t.match(certificate, { subject: 'CN=user, OU=Test, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' })
  t.equal(certificate.serialNumber, openssl.serialNumber)
  t.equal(certificate.fingerprint256, openssl.fingerprint256)
  t.strictSame([certificate.notBefore, certificate.notAfter], [openssl.validFromDate, openssl.validToDate])
  t.ok(certificate.der.equals(client.der))
  t.equal(root.certificate.issuer, 'EMAIL=ca@example.com, O=Example CA, L=City, SP=State, C=BR')
})

t.test('gives the view of OpenSSL, also for certificates from elsewhere', async t => {
  const { client } = await mintPki(t)
  t.equal(opensslView(client.certificate).serialNumber, client.certificate.serialNumber)
  const copy = { ...client.certificate }
  t.equal(opensslView(copy).serialNumber, client.certificate.serialNumber)
  t.equal(opensslView(copy), opensslView(copy), 'it is made once')
})

t.test('what is not exactly one certificate is refused', async t => {
  const { client, intermediate } = await mintPki(t)
  const rows: Array<[string, Uint8Array]> = [
    ['nothing', Buffer.alloc(0)],
    ['PEM', Buffer.from(client.certPem)],
    ['two certificates', Buffer.concat([client.der, intermediate.der])],
    ['a byte behind', Buffer.concat([client.der, Buffer.from([0])])],
    ['cut short', client.der.subarray(0, -1)],
    ['an empty sequence', Buffer.from('3000', 'hex')],
    ['a sequence of other things', Buffer.from('30053003020101', 'hex')],
    ['fields without a number', Buffer.from('3006300430003000', 'hex')]
  ]
  for (const [title, bytes] of rows) t.throws(() => parseCertificate(bytes), faulty, title)
})

t.test('encodings that OpenSSL writes differently are refused', async t => {
  const { client } = await mintPki(t)
  const original = client.der
  // the outer length with one more byte than DER allows: OpenSSL would accept it
  const longer = Buffer.concat([Buffer.from([0x30, 0x83, 0x00]), original.subarray(2)])
  t.doesNotThrow(() => new X509Certificate(longer), 'OpenSSL reads it')
  t.throws(() => parseCertificate(longer), faulty)

  // a long length inside the signature algorithm, which is not covered by the signature
  const short = Buffer.from('300a06082a8648ce3d040302', 'hex')
  const long = Buffer.from('300b0681082a8648ce3d040302', 'hex')
  const at = original.lastIndexOf(short)
  const inner = Buffer.concat([original.subarray(0, at), long, original.subarray(at + short.length)])
  inner.writeUInt16BE(original.readUInt16BE(2) + 1, 2)
  t.equal(new X509Certificate(inner).subject, new X509Certificate(original).subject, 'OpenSSL reads it')
  t.throws(() => parseCertificate(inner), faulty)
})

t.test('any change of one byte gives a certificate or the one error', async t => {
  const { client } = await mintPki(t)
  fc.assert(fc.property(fc.nat(client.der.length - 1), fc.nat(255), (index, byte) => {
    const changed = Buffer.from(client.der)
    changed[index] = byte
    try {
      return parseCertificate(changed).der.equals(changed)
    } catch (error) {
      return (error as { code?: string }).code === faulty.code
    }
  }), { numRuns: 2000 })
})
