import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { buildChain, IssuerCache, isSelfSigned, withoutRoot } from '../../src/x509/chain.ts'
import type { Certificate } from '../../src/x509/certificate.ts'
import { bits, none, oid, seq } from '../helpers/der.ts'
import { unsignedCertificate } from '../helpers/mint-pse.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const names = (chain: readonly Certificate[]) => chain.map(({ subject }) => subject)
const day = 24 * 60 * 60 * 1000

t.test('the chain leads to the root, in whatever order the issuers are known', async t => {
  const { root, intermediate, client, server } = await mintPki(t)
  const expected = ['CN=Issuing CA, O=Example, C=DE', 'CN=Root CA, O=Example, C=DE']
  t.strictSame(names(buildChain(client.certificate, [intermediate.certificate, root.certificate])), expected)
  t.strictSame(names(buildChain(client.certificate, [server.certificate, root.certificate, client.certificate, intermediate.certificate])), expected)
})

t.test('it is as long as the known issuers reach', async t => {
  const { root, intermediate, client } = await mintPki(t)
  t.strictSame(buildChain(client.certificate, []), [])
  t.strictSame(buildChain(client.certificate, [root.certificate]), [], 'the next issuer is missing')
  t.strictSame(names(buildChain(client.certificate, [intermediate.certificate])), ['CN=Issuing CA, O=Example, C=DE'])
  t.strictSame(buildChain(root.certificate, [root.certificate, intermediate.certificate]), [], 'a root has no issuer')
})

t.test('a certificate of the right name and the wrong key is no issuer', async t => {
  const { root, intermediate, client, issue } = await mintPki(t)
  const impostor = await issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true })
  t.strictSame(buildChain(client.certificate, [impostor.certificate, root.certificate]), [])
  t.strictSame(names(buildChain(client.certificate, [impostor.certificate, intermediate.certificate])), ['CN=Issuing CA, O=Example, C=DE'])
})

t.test('the signature is verified even if name and key identifier fit', async t => {
  const { root, client, intermediate } = await mintPki(t)
  const forged = Buffer.from(client.der)
  forged[forged.length - 1]! ^= 1
  t.strictSame(buildChain(parseCertificate(forged), [intermediate.certificate, root.certificate]), [])
})

t.test('a certificate without the CA flag is no issuer', async t => {
  const { root, issue } = await mintPki(t)
  const noCa = await issue({ subject: 'CN=No CA, O=Example', issuer: root })
  const leaf = await issue({ subject: 'CN=leaf, O=Example', issuer: noCa })
  t.strictSame(buildChain(leaf.certificate, [noCa.certificate, root.certificate]), [])
})

t.test('an old root needs no CA flag', async t => {
  const { issue } = await mintPki(t)
  const old = await issue({ subject: 'CN=Old root', issuer: null, version1: true })
  const leaf = await issue({ subject: 'CN=leaf', issuer: old, version1: true })
  const byLeaf = await issue({ subject: 'CN=below', issuer: leaf, version1: true })
  t.strictSame(names(buildChain(leaf.certificate, [old.certificate])), ['CN=Old root'])
  t.strictSame(buildChain(byLeaf.certificate, [leaf.certificate, old.certificate]), [], 'others do')
})

t.test('of two certificates of a CA the valid one is taken, then the first', async t => {
  const { root, intermediate, client, issue } = await mintPki(t)
  const subject = 'CN=Issuing CA, O=Example, C=DE'
  const expired = await issue({ subject, issuer: root, ca: true, keyOf: intermediate, notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - 8 * day) })
  const renewed = await issue({ subject, issuer: root, ca: true, keyOf: intermediate })
  const found = (...known: Issued[]) => buildChain(client.certificate, known.map(one => one.certificate))[0]?.serialNumber
  t.equal(found(expired, intermediate), intermediate.certificate.serialNumber)
  t.equal(found(renewed, intermediate), renewed.certificate.serialNumber)
  t.equal(found(intermediate, renewed), intermediate.certificate.serialNumber)
  t.equal(found(expired), expired.certificate.serialNumber, 'an expired one is better than none')
})

t.test('CAs that certify each other make no loop', async t => {
  const { issue } = await mintPki(t)
  const one = await issue({ subject: 'CN=One', issuer: null, ca: true })
  const other = await issue({ subject: 'CN=Other', issuer: null, ca: true })
  const oneByOther = await issue({ subject: 'CN=One', issuer: other, ca: true, keyOf: one })
  const otherByOne = await issue({ subject: 'CN=Other', issuer: one, ca: true, keyOf: other })
  const leaf = await issue({ subject: 'CN=leaf', issuer: one })
  t.strictSame(names(buildChain(leaf.certificate, [oneByOther.certificate, otherByOne.certificate])), ['CN=One', 'CN=Other'])
})

t.test('the work is bounded', async t => {
  const { root, client, intermediate, issue } = await mintPki(t)
  t.test('in the length of the chain', async t => {
    let issuer = root
    const cas: Issued[] = [root]
    for (let level = 1; level <= 12; level++) {
      issuer = await issue({ subject: `CN=Level ${level}`, issuer, ca: true })
      cas.push(issuer)
    }
    const leaf = await issue({ subject: 'CN=leaf', issuer })
    t.equal(buildChain(leaf.certificate, cas.map(one => one.certificate)).length, 10)
  })
  t.test('in the number of signatures, where many CAs have one name and one key identifier', async t => {
    const { parseCertificate } = await import('../../src/x509/certificate.ts')
    // same key identifier and name, another key: what a hostile client could send
    const impostor = await issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true })
    const keyId = keyIdentifierOf(intermediate)
    const other = keyIdentifierOf(impostor)
    const der = Buffer.from(impostor.der)
    keyId.copy(der, der.indexOf(other))
    const forged = Array.from({ length: 41 }, () => parseCertificate(der))
    t.strictSame(buildChain(client.certificate, [...forged.slice(0, 39), intermediate.certificate]).length, 1, 'found as the 40th')
    t.strictSame(buildChain(client.certificate, [...forged, intermediate.certificate]), [], 'given up')
  })
})

/** The content of the subject key identifier (2.5.29.14): OCTET STRING in an OCTET STRING. */
function keyIdentifierOf ({ der }: Issued): Buffer {
  const start = der.indexOf(Buffer.from('0603551d0e04160414', 'hex')) + 9
  return der.subarray(start, start + 20)
}

t.test('knows a root', async t => {
  const { root, intermediate, client, issue } = await mintPki(t)
  const sameName = await issue({ subject: 'CN=Root CA, O=Example, C=DE', issuer: root, ca: true })
  t.ok(isSelfSigned(root.certificate))
  t.notOk(isSelfSigned(intermediate.certificate))
  t.notOk(isSelfSigned(sameName.certificate), 'its own name, another key')
  t.strictSame(names(withoutRoot(buildChain(client.certificate, [intermediate.certificate, root.certificate]))), ['CN=Issuing CA, O=Example, C=DE'])
})

t.test('a key of a kind that OpenSSL does not know has issued nothing', async t => {
  const gost = seq(seq(oid('1.2.643.7.1.1.1.1'), none), bits(Buffer.alloc(64, 1)))
  const odd = parseCertificate(unsignedCertificate(gost))
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.notOk(isSelfSigned(odd))
  t.strictSame(buildChain(parseCertificate(unsignedCertificate(publicKey)), [odd]), [])
})

t.test('the cache keeps chains by certificate and by issuer', async t => {
  const { root, intermediate, client, gateway } = await mintPki(t)
  const cache = new IssuerCache()
  const chain = [intermediate.certificate, root.certificate]
  t.equal(cache.chainOf(client.certificate), null)
  t.strictSame(cache.issuersOf(client.certificate), [])
  cache.remember(client.certificate, [])
  t.equal(cache.chainOf(client.certificate), null, 'an empty chain is not kept')
  cache.remember(client.certificate, chain)
  t.equal(cache.chainOf(client.certificate), chain)
  t.equal(cache.issuersOf(client.certificate), chain)
  t.equal(cache.chainOf(gateway.certificate), null)
  t.equal(cache.issuersOf(gateway.certificate), chain, 'candidates for another certificate of the same issuer')
})

t.test('the cache is bounded and forgets what was used longest ago', async t => {
  const { intermediate, client, gateway, server } = await mintPki(t)
  const cache = new IssuerCache({ maxLeaves: 2, maxIssuers: 1 })
  const chain = [intermediate.certificate]
  cache.remember(client.certificate, chain)
  cache.remember(gateway.certificate, chain)
  cache.chainOf(client.certificate)
  cache.remember(server.certificate, chain)
  t.equal(cache.chainOf(gateway.certificate), null)
  t.equal(cache.chainOf(client.certificate), chain)
  cache.remember(intermediate.certificate, [])
  cache.remember(intermediate.certificate, chain)
  t.strictSame(cache.issuersOf(gateway.certificate), [], 'one issuer only')
})
