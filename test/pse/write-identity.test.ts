import t from 'tap'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { IdentityContent, IdentityFormat } from '../../src/pse/identity.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { differenceBetween, readWritten, writeIdentity, type IdentityWriteOptions } from '../../src/pse/write-identity.ts'
import { mintPse, toBeSigned } from '../helpers/mint-pse.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)
const partner = await mintPki(t, { rootSubject: 'CN=Partner CA' })
const rsa = await pki.issue({ subject: 'CN=rsa, O=Example, C=DE', issuer: pki.intermediate, keyType: 'RSA' })
const selfSigned = await pki.issue({ subject: 'CN=self', issuer: null, keyType: 'RSA' })
const oldRoot = await pki.issue({ subject: 'CN=Old Root', issuer: null, ca: true, version1: true, keyType: 'RSA' })
const belowOldRoot = await pki.issue({ subject: 'CN=below', issuer: oldRoot, keyType: 'RSA' })
const ec = await pki.issue({ subject: 'CN=ec', issuer: pki.intermediate, keyType: 'EC' })
const unsigned = await pki.issue({ subject: 'CN=Bare Root', issuer: null, ca: true })
const [bare] = readIdentity(mintPse({ trusted: [toBeSigned(unsigned.der)] }), { file: 'a', pin: null }).trusted as [Buffer]

const anchors = [pki.root, pki.intermediate, partner.root, partner.server, selfSigned, oldRoot].map(({ der }) => der)
const formats: readonly IdentityFormat[] = ['pse-v2', 'pse-v4', 'pkcs12', 'pem']
const write = (identity: IdentityContent, options: IdentityWriteOptions) => writeIdentity(identity, { iterations: 10, ...options })

/** An identity with as much of its chain as is known, and any trust list. */
function identities (owners: readonly Issued[]): fc.Arbitrary<IdentityContent> {
  const owner = fc.constantFrom(...owners).chain(own => fc.nat({ max: own.issuers.length }).map(known => ({
    privateKey: own.key, certificate: own.der, chain: own.issuers.slice(0, known).map(({ der }) => der)
  })))
  const nobody = fc.constant({ privateKey: null, certificate: null, chain: [] })
  const trusted = (minLength: number) => fc.shuffledSubarray([...anchors, bare], { minLength })
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(owner, trusted(0)) },
    { weight: 1, arbitrary: fc.tuple(nobody, trusted(1)) }
  ).map(([own, trusted]) => ({ ...own, trusted }))
}

/** Independent of `differenceBetween`, which the writer asks itself. */
function describe ({ privateKey, certificate, chain, trusted }: IdentityContent): unknown {
  // of one key there is more than one private exponent: a PSE has none, and what is computed is not always what the key was made with
  const { d, ...jwk } = privateKey?.export({ format: 'jwk' }) ?? {}
  return {
    key: { ...jwk, d: privateKey?.asymmetricKeyType === 'rsa' ? undefined : d },
    certificate: certificate?.toString('hex') ?? null,
    chain: chain.map(der => der.toString('hex')),
    trusted: [...new Set(trusted.map(der => der.toString('hex')))].sort()
  }
}

const pins = fc.constantFrom(null, '1234567890', 'a PIN with blanks & signs')
const journey = (choice: readonly IdentityFormat[]) => fc.array(fc.tuple(fc.constantFrom(...choice), pins), { minLength: 1, maxLength: 4 })

function comesBack (identity: IdentityContent, steps: ReadonlyArray<[IdentityFormat, string | null]>): void {
  const arrived = steps.reduce((current, [format, pin]) => readWritten(write(current, { format, pin }), { pin }), identity)
  assert.deepEqual(describe(arrived), describe(identity))
}

t.test('an RSA identity comes back the same through any chain of formats', async () => {
  fc.assert(fc.property(identities([rsa, selfSigned, belowOldRoot]), journey(formats), comesBack), { numRuns: 60 })
})

t.test('an EC identity comes back the same through the formats that take it', async () => {
  fc.assert(fc.property(identities([ec, pki.root]), journey(['pkcs12', 'pem']), comesBack), { numRuns: 60 })
})

const content: IdentityContent = { privateKey: rsa.key, certificate: rsa.der, chain: [pki.intermediate.der, pki.root.der], trusted: [partner.root.der] }

t.test('is one file, and in PEM one more for the trust list', async t => {
  const roles = (identity: IdentityContent, format: IdentityFormat) => write(identity, { format, pin: null }).map(({ role }) => role)
  for (const format of ['pse-v2', 'pse-v4', 'pkcs12'] as const) t.strictSame(roles(content, format), ['identity'], format)
  t.strictSame(roles(content, 'pem'), ['identity', 'trust'])
  t.strictSame(roles({ ...content, trusted: [] }, 'pem'), ['identity'])
  t.strictSame(roles({ privateKey: null, certificate: null, chain: [], trusted: [pki.root.der] }, 'pem'), ['trust'])
})

t.test('has the format and the PIN that were asked for', async t => {
  for (const format of formats) {
    const [file] = write(content, { format, pin: '4711' })
    t.equal(readIdentity(file!.bytes, { file: 'a', pin: '4711' }).source.format, format)
    t.throws(() => readIdentity(file!.bytes, { file: 'a', pin: null }), { code: /_PIN_REQUIRED$/ })
  }
})

t.test('nothing at all is a PSE and no other file', async t => {
  const nothing: IdentityContent = { privateKey: null, certificate: null, chain: [], trusted: [] }
  for (const format of ['pse-v2', 'pse-v4'] as const) t.same(describe(readWritten(write(nothing, { format, pin: null }), { pin: null })), describe(nothing))
  for (const format of ['pkcs12', 'pem'] as const) {
    t.throws(() => write(nothing, { format, pin: null }), { code: 'POSTERN_ERR_IDENTITY_UNWRITABLE', message: /neither a private key nor a trusted certificate/ })
  }
})

t.test('refuses what would not come back', async t => {
  const broken: IdentityContent[] = [{ ...content, chain: [partner.intermediate.der] }, { ...content, chain: [pki.root.der, pki.intermediate.der] }]
  for (const format of formats) {
    for (const identity of broken) {
      t.throws(() => write(identity, { format, pin: null }), { code: 'POSTERN_ERR_IDENTITY_UNWRITABLE', message: `the identity cannot be written as ${format}: its chain would be another one when it is read` })
    }
    const mismatch = { code: format.startsWith('pse') ? 'POSTERN_ERR_PSE_KEY_MISMATCH' : 'POSTERN_ERR_IDENTITY_KEY_MISMATCH' }
    t.throws(() => write({ ...content, certificate: selfSigned.der, chain: [] }, { format, pin: null }), mismatch, format)
  }
})

t.test('an EC key in a PSE is refused with the formats that take it', async t => {
  for (const format of ['pse-v2', 'pse-v4'] as const) {
    t.throws(() => write({ ...content, privateKey: ec.key, certificate: ec.der }, { format, pin: null }), { code: 'POSTERN_ERR_PSE_KEY_UNWRITABLE', message: /PKCS#12 or PEM/ })
  }
})

t.test('a bare anchor beside its certificate is one anchor', async t => {
  const [root] = [partner.root.der]
  const [anchor] = readIdentity(mintPse({ trusted: [toBeSigned(root)] }), { file: 'a', pin: null }).trusted
  const both = { ...content, trusted: [anchor!, root] }
  t.strictSame(readWritten(write(both, { format: 'pse-v2', pin: null }), { pin: null }).trusted, [root])
})

t.test('names what two identities differ in', async t => {
  const verify: IdentityContent = { privateKey: null, certificate: null, chain: [], trusted: [] }
  t.equal(differenceBetween(content, { ...content, trusted: [...content.trusted, ...content.trusted] }), null)
  t.equal(differenceBetween(content, verify), 'its private key')
  t.equal(differenceBetween(content, { ...content, certificate: selfSigned.der }), 'its certificate')
  t.equal(differenceBetween(content, { ...content, chain: [] }), 'its chain')
  t.equal(differenceBetween(content, { ...content, trusted: [] }), 'its trust list')
  t.equal(differenceBetween({ ...verify, trusted: [bare] }, { ...verify, trusted: [bare] }), null)
})
