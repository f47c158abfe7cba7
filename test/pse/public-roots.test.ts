import t from 'tap'
import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { publicRootsAmong } from '../../src/pse/public-roots.ts'
import { bits, oid, seq } from '../helpers/der.ts'
import { unsignedCertificate } from '../helpers/mint-pse.ts'
import { mintPki } from '../helpers/pki.ts'

const { root } = await mintPki(t)
const [publicRoot] = rootCertificates.map(pem => new X509Certificate(pem)) as [X509Certificate]

t.test('names the public CAs of a trust list and no others', async t => {
  t.strictSame(publicRootsAmong([]), [])
  const found = publicRootsAmong([root.der, publicRoot.raw])
  t.strictSame(found.map(({ der }) => der), [publicRoot.raw])
  t.match(found[0]?.subject, /^(CN|OU)=/)
})

t.test('knows a public CA by its key, whoever signed the certificate', async t => {
  t.equal(publicRootsAmong([unsignedCertificate(publicRoot.publicKey, 'cross-signed')]).length, 1)
})

t.test('a key of an unknown kind is nobody\'s', async t => {
  t.strictSame(publicRootsAmong([unsignedCertificate(seq(seq(oid('1.2.3')), bits(Buffer.alloc(8))))]), [])
})
