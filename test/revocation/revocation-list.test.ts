import t from 'tap'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { encodeDer } from '../../src/pse/der-value.ts'
import { readRevocationLists } from '../../src/revocation/read-lists.ts'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { context, generalizedTime, ia5, int, none, octets, oid, seq, utcTime } from '../helpers/der.ts'
import { crlExtension, crlPem, flag, fullName, issuingDistributionPoint, mintCrl, pssHash, pssIdentifier, pssMask, relativeName, serialOf, type CrlInput } from '../helpers/mint-crl.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const { intermediate, root, client } = pki
const rsaCa = await pki.issue({ subject: 'CN=RSA CA', issuer: root, ca: true, keyType: 'RSA' })
const list = (input: Partial<CrlInput> = {}) => new RevocationList(mintCrl({ issuer: intermediate, ...input }), 'a.crl')
const serial = (number: number) => Buffer.from([number])

t.test('what a list says of itself', async t => {
  const [thisUpdate, nextUpdate] = [new Date('2025-12-31T23:59:59Z'), new Date('2050-01-01T00:00:00Z')]
  const one = list({ thisUpdate, nextUpdate, number: 77, revoked: [{ certificate: client }] })
  t.match(one, { file: 'a.crl', issuer: 'CN=Issuing CA, O=Example, C=DE', thisUpdate, nextUpdate, number: 77n, problem: null })
  t.equal(one.entries.size, 1)
  t.match(list({ number: null, nextUpdate: null }), { number: null, nextUpdate: null, problem: null })
  t.match(list({ version1: true, revoked: [{ certificate: client }] }), { number: null, problem: null })
  t.match(list({ version1: true, nextUpdate: null }), { nextUpdate: null, problem: null })
  t.not(one.fingerprint256, list().fingerprint256)
})

t.test('entries are found by their serial number, with date and reason', async t => {
  const date = new Date('2024-02-29T12:00:00Z')
  const reasons = ['unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'certificateHold',
    'unspecified', null, 'privilegeWithdrawn', 'aACompromise', 'unspecified']
  const { entries } = list({ revoked: [...reasons.map((_, reason) => ({ certificate: serial(reason + 1), date, reason })), { certificate: serial(100), date }] })
  for (const [index, reason] of reasons.entries()) {
    t.strictSame(entries.find(serial(index + 1)), reason === null ? null : { date, reason }, String(reason))
  }
  t.match(entries.find(serial(100)), { date, reason: 'unspecified' })
  t.equal(entries.size, reasons.length, 'an entry that was removed is none')
  t.equal(entries.find(serial(101)), null)
  t.equal(entries.find(Buffer.from([0, 1])), null, 'another encoding is another number')
  t.equal(list().entries.find(serial(1)), null, 'a list without entries')
})

t.test('the same number twice is one entry, the last one', async t => {
  const { entries } = list({ revoked: [{ certificate: serial(1), reason: 1 }, { certificate: serial(1), reason: 4 }] })
  t.match(entries.find(serial(1)), { reason: 'superseded' })
})

t.test('entries may be long', async t => {
  const extensions = [crlExtension('1.2.3', octets(Buffer.alloc(300)))]
  const { entries } = list({ revoked: [{ certificate: serial(1), reason: 1, extensions }, { certificate: serial(2), reason: 4, extensions }] })
  t.match(entries.find(serial(1)), { reason: 'keyCompromise' })
  t.match(entries.find(serial(2)), { reason: 'superseded' })
  t.equal(entries.find(serial(3)), null)
})

t.test('of a large list every entry is found, and nothing else', async t => {
  const numbers = Array.from({ length: 3000 }, (_, index) => Buffer.from([1, index >> 8, index & 0xff]))
  const { entries } = list({ revoked: numbers.map(certificate => ({ certificate })) })
  t.ok(numbers.every(number => entries.find(number) !== null))
  t.ok(numbers.every(number => entries.find(Buffer.from([2, ...number.subarray(1)])) === null))
})

t.test('lists that cannot be used say why', async t => {
  const unknown = (critical: boolean) => crlExtension('1.2.3.4', none, critical)
  const rows: Array<[Partial<CrlInput>, string | null]> = [
    [{ extensions: [unknown(false)] }, null],
    [{ extensions: [unknown(true)] }, 'it has a critical extension that is not understood'],
    [{ extensions: [crlExtension('2.5.29.27', int(1), true)] }, 'it is a delta list'],
    [{ extensions: [crlExtension('2.5.29.35', seq())] }, null],
    [{ revoked: [{ certificate: client, reason: 1, extensions: [crlExtension('2.5.29.24', none)] }] }, null],
    [{ revoked: [{ certificate: client, extensions: [unknown(false)] }] }, null],
    [{ revoked: [{ certificate: client, extensions: [unknown(true)] }] }, 'an entry has a critical extension that is not understood'],
    [{ revoked: [{ certificate: client, extensions: [crlExtension('2.5.29.29', seq(), true)] }, { certificate: client }] }, 'it is an indirect list'],
    [{ extensions: [issuingDistributionPoint(flag(4))] }, 'it is an indirect list'],
    [{ extensions: [issuingDistributionPoint(flag(5))] }, 'it speaks of attribute certificates only'],
    [{ extensions: [issuingDistributionPoint(encodeDer(0x83, Buffer.from([0, 1])))] }, 'it speaks of some reasons only'],
    [{ extensions: [issuingDistributionPoint(relativeName())] }, 'its distribution point is named relative to the issuer'],
    [{ extensions: [issuingDistributionPoint(fullName('http://a.example/1.crl'), flag(1), flag(2, 0), flag(4, 0), flag(5, 0))] }, null],
    [{ issuer: rsaCa, algorithm: 'rsa-sha1' }, 'its signature algorithm is not supported']
  ]
  for (const [input, problem] of rows) t.equal(list(input).problem, problem, String(problem))
})

t.test('a list counts for the issuer who has signed it', async t => {
  for (const algorithm of ['rsa-sha256', 'rsa-sha512', 'rsa-pss-sha256', 'rsa-pss-sha384'] as const) {
    t.equal(list({ issuer: rsaCa, algorithm }).isSignedBy(rsaCa.certificate), true, algorithm)
  }
  for (const algorithm of ['ecdsa-sha256', 'ecdsa-sha384'] as const) t.equal(list({ algorithm }).isSignedBy(intermediate.certificate), true, algorithm)
  const namesake = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true })
  const renewed = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true, keyOf: intermediate })
  t.equal(list().isSignedBy(renewed.certificate), true, 'the same key in another certificate')
  t.equal(list().isSignedBy(namesake.certificate), false, 'another key')
  t.equal(list({ key: client.key }).isSignedBy(intermediate.certificate), false)
  t.equal(list().isSignedBy(root.certificate), false, 'another name')
  const old = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true, keyOf: intermediate, version1: true })
  t.equal(list().isSignedBy(old.certificate), true, 'no key usage restricts it')
  const cannot = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: false, keyOf: intermediate })
  t.equal(list().isSignedBy(cannot.certificate), false, 'its key usage is another one')
  t.equal(list({ issuer: rsaCa, algorithm: 'rsa-sha1' }).isSignedBy(rsaCa.certificate), false, 'SHA-1')
  const mixed = list({ key: rsaCa.key, algorithm: 'rsa-sha256' })
  t.equal(mixed.isSignedBy(intermediate.certificate), false, 'a key that does not go with the algorithm')
})

t.test('the verdict on a signature is kept, for some issuers', async t => {
  const one = list()
  const renewed = await Promise.all(Array.from({ length: 10 }, async () =>
    await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true, keyOf: intermediate })))
  for (const { certificate } of [...renewed, ...renewed]) t.equal(one.isSignedBy(certificate), true)
})

t.test('a list with a changed byte has no valid signature, or is none', async t => {
  const der = mintCrl({ issuer: intermediate, revoked: [{ certificate: client, reason: 1 }] })
  const accepted: number[] = []
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der)
    changed[at]! ^= 0x01
    let signed = false
    try {
      signed = new RevocationList(changed, 'a').isSignedBy(intermediate.certificate)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'POSTERN_ERR_CRL_INVALID') throw error
    }
    if (signed) accepted.push(at)
  }
  t.strictSame(accepted, [])
})

t.test('Ed25519, and parameters of RSA-PSS', async t => {
  const { sign } = await import('node:crypto')
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const { readSignatureAlgorithm, isSignedBy } = await import('../../src/revocation/list-signature.ts')
  const { DerScan } = await import('../../src/revocation/der-scan.ts')
  const read = (der: Buffer) => readSignatureAlgorithm(new DerScan(der).take(0x30))
  const bytes = Buffer.from('list')
  const algorithm = read(seq(oid('1.3.101.112')))!
  const { createPublicKey } = await import('node:crypto')
  t.equal(isSignedBy(createPublicKey(key), { algorithm, bytes, signature: sign(null, bytes, key) }), true)
  // the types know other options only
  const generate = generateKeyPairSync as unknown as (type: 'rsa-pss', options: object) => { publicKey: KeyObject, privateKey: KeyObject }
  const bound = generate('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 })
  const signature = sign('sha256', bytes, bound.privateKey)
  const pss = (hash: string) => ({ algorithm: { hash, keyTypes: ['rsa-pss'], saltLength: 32 }, bytes, signature })
  t.equal(isSignedBy(bound.publicKey, pss('sha256')), true)
  t.equal(isSignedBy(bound.publicKey, pss('sha384')), false, 'a key that is bound to other parameters')
  const mask = pssMask(1)
  const rows: Array<[string, Buffer, object | null]> = [
    ['complete', pssIdentifier(pssHash(1), mask, context(2, int(32)), context(3, int(1))), { hash: 'sha256', saltLength: 32 }],
    ['SHA-384, default salt', pssIdentifier(pssHash(2), pssMask(2)), { hash: 'sha384', saltLength: 20 }],
    ['SHA-1 by default', pssIdentifier(), null],
    ['two hashes', pssIdentifier(pssHash(1), pssMask(2)), null],
    ['another mask', pssIdentifier(pssHash(1), context(1, seq(oid('1.2.3'), none))), null],
    ['an unknown hash', pssIdentifier(context(0, seq(oid('1.2.3'))), mask), null],
    ['another trailer', pssIdentifier(pssHash(1), mask, context(3, int(2))), null],
    ['a salt of two bytes', pssIdentifier(pssHash(1), mask, context(2, int(300))), null],
    ['another algorithm', seq(oid('1.2.840.113549.1.1.4'), none), null]
  ]
  for (const [name, der, expected] of rows) {
    if (expected === null) t.equal(read(der), null, name)
    else t.match(read(der), expected, name)
  }
  t.equal(list({ issuer: rsaCa, algorithm: 'rsa-pss-sha256' }).problem, null)
})

t.test('the newer one of two lists', async t => {
  const [earlier, later] = [new Date(Date.now() - 2e6), new Date(Date.now() - 1e6)]
  t.equal(list({ number: 2, thisUpdate: earlier }).isNewerThan(list({ number: 1, thisUpdate: later })), true, 'by number')
  t.equal(list({ number: 1, thisUpdate: later }).isNewerThan(list({ number: 2, thisUpdate: earlier })), false)
  t.equal(list({ number: 1, thisUpdate: later }).isNewerThan(list({ number: 1, thisUpdate: earlier })), true, 'by time')
  t.equal(list({ number: null, thisUpdate: later }).isNewerThan(list({ number: 5, thisUpdate: earlier })), true)
  t.equal(list({ number: 5, thisUpdate: earlier }).isNewerThan(list({ number: null, thisUpdate: later })), false)
})

t.test('what is no list is refused by name', async t => {
  const name = Buffer.from(intermediate.der)
  const algorithm = seq(oid('1.2.840.10045.4.3.2'))
  const subject = seq()
  const time = utcTime('250101000000Z')
  const body = (...fields: Buffer[]) => seq(seq(...fields), algorithm, Buffer.from('0304000102ff', 'hex'))
  const version = int(1)
  const good = body(version, algorithm, subject, time)
  t.match(new RevocationList(good, 'a'), { issuer: '', thisUpdate: new Date('2025-01-01T00:00:00Z') })
  const year = (text: string) => new RevocationList(body(version, algorithm, subject, text.length === 13 ? utcTime(text) : generalizedTime(text)), 'a').thisUpdate.toISOString()
  t.equal(year('491231235959Z'), '2049-12-31T23:59:59.000Z')
  t.equal(year('500101000000Z'), '1950-01-01T00:00:00.000Z')
  t.equal(year('20000229000000Z'), '2000-02-29T00:00:00.000Z')
  const entry = (...fields: Buffer[]) => body(version, algorithm, subject, time, seq(seq(...fields)))
  const extensions = (...list: Buffer[]) => body(version, algorithm, subject, time, context(0, seq(...list)))
  const scope = (...fields: Buffer[]) => extensions(issuingDistributionPoint(...fields))
  const rows: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'a certificate': name,
    'half a list': good.subarray(0, 20),
    'bytes behind it': Buffer.concat([good, none]),
    'another version': body(int(2), algorithm, subject, time),
    'two algorithms': body(version, seq(oid('1.2.840.10045.4.3.3')), subject, time),
    'no name': body(version, algorithm, seq(none), time),
    'no time': body(version, algorithm, subject, none),
    'a third time': body(version, algorithm, subject, time, time, time),
    'no form of a time': body(version, algorithm, subject, utcTime('2501010000Z')),
    'a time zone': body(version, algorithm, subject, utcTime('25010100000+0')),
    'a 30th of February': body(version, algorithm, subject, utcTime('250230000000Z')),
    'a 29th of February 2100': body(version, algorithm, subject, generalizedTime('21000229000000Z')),
    'a 29th of February 2025': body(version, algorithm, subject, utcTime('250229000000Z')),
    'day 0': body(version, algorithm, subject, utcTime('250200000000Z')),
    'month 13': body(version, algorithm, subject, utcTime('251301000000Z')),
    'the year 50': body(version, algorithm, subject, generalizedTime('00500101000000Z')),
    'a serial number of 128 bytes': entry(encodeDer(0x02, Buffer.alloc(128, 1)), time),
    'no month': body(version, algorithm, subject, utcTime('250001000000Z')),
    'hour 24': body(version, algorithm, subject, utcTime('250101240000Z')),
    'minute 60': body(version, algorithm, subject, utcTime('250101006000Z')),
    'second 60': body(version, algorithm, subject, utcTime('250101000060Z')),
    'letters in a time': body(version, algorithm, subject, utcTime('25010100000aZ')),
    'signs in a time': body(version, algorithm, subject, utcTime('2501010000 0Z')),
    'another part': body(version, algorithm, subject, time, none),
    'a part too many': body(version, algorithm, subject, time, seq(), context(0, seq()), none),
    'extensions twice': body(version, algorithm, subject, time, context(0, seq(), seq())),
    'extensions that are none': body(version, algorithm, subject, time, context(0, none)),
    'an extension that is none': extensions(none),
    'an extension without value': extensions(seq(oid('1.2.3'))),
    'an extension with two values': extensions(seq(oid('1.2.3'), octets(), octets())),
    'the same extension twice': extensions(crlExtension('1.2.3', none), crlExtension('1.2.3', none)),
    'a negative number': extensions(crlExtension('2.5.29.20', Buffer.from('0201ff', 'hex'))),
    'a number without bytes': extensions(crlExtension('2.5.29.20', Buffer.from('0200', 'hex'))),
    'a number of 22 bytes': extensions(crlExtension('2.5.29.20', encodeDer(0x02, Buffer.alloc(22, 1)))),
    'a scope with another part': scope(encodeDer(0x86, Buffer.from([1]))),
    'a scope with a name that is none': scope(context(0, none)),
    'an entry that is none': body(version, algorithm, subject, time, seq(none)),
    'an entry without time': entry(int(1)),
    'an entry with no number': entry(encodeDer(0x02), time),
    'an entry with text': entry(ia5('1'), time),
    'an entry with extensions that are none': entry(int(1), time, none),
    'an entry with a part too many': entry(int(1), time, seq(), none),
    'a reason that is none': entry(int(1), time, seq(crlExtension('2.5.29.21', none))),
    'a signature with unused bits': seq(seq(version, algorithm, subject, time), algorithm, Buffer.from('0304010102ff', 'hex')),
    'no signature': seq(seq(version, algorithm, subject, time), algorithm),
    'a tag of two bytes': Buffer.from('3f8101', 'hex'),
    'a length of no bytes': Buffer.from('3080', 'hex'),
    'a length of five bytes': Buffer.from('30850000000001', 'hex'),
    'a length that is cut': Buffer.from('3082', 'hex'),
    'a length that is not minimal': Buffer.from('30810100', 'hex'),
    'a length of two bytes that is not minimal': Buffer.from('30820080', 'hex'),
    'a tag alone': Buffer.from('30', 'hex')
  }
  for (const [what, der] of Object.entries(rows)) t.throws(() => new RevocationList(der, '/crl/a'), { code: 'POSTERN_ERR_CRL_INVALID', message: /^\/crl\/a / }, what)
  t.match(new RevocationList(entry(int(1), time, seq(crlExtension('2.5.29.21', encodeDer(0x0a, Buffer.from([1, 1]))))), 'a').entries.find(serial(1)), { reason: 'unspecified' }, 'a reason of two bytes')
})

t.test('files with one list and with several, in DER and PEM', async t => {
  const [one, two] = [mintCrl({ issuer: intermediate }), mintCrl({ issuer: root })]
  const issuers = (bytes: Buffer | string) => readRevocationLists(Buffer.from(bytes as string), 'a').map(({ issuer }) => issuer)
  const both = ['CN=Issuing CA, O=Example, C=DE', 'CN=Root CA, O=Example, C=DE']
  t.strictSame(issuers(one), both.slice(0, 1))
  t.strictSame(issuers(Buffer.concat([one, two])), both)
  t.strictSame(issuers(`a text\n${crlPem(one)}${root.certPem}${crlPem(two)}`), both)
  for (const bytes of ['', root.certPem, '-----BEGIN X509 CRL-----\nAAAA\n', crlPem(root.der), 'text', root.der]) {
    t.throws(() => issuers(bytes), { code: 'POSTERN_ERR_CRL_INVALID' })
  }
})

t.test('the serial number of a certificate is found whatever its version', async t => {
  const { factsOf } = await import('../../src/revocation/certificate-facts.ts')
  const old = await pki.issue({ subject: 'CN=old', issuer: null, version1: true })
  for (const issued of [client, old, root]) t.strictSame(factsOf(issued.certificate).serialNumber, serialOf(issued))
  t.match(factsOf(client.certificate), { isCa: false, signsLists: false })
  t.match(factsOf(root.certificate), { isCa: true, signsLists: true })
  t.match(factsOf(old.certificate), { signsLists: true })
  t.equal(factsOf(root.certificate), factsOf(root.certificate))
  t.not(factsOf(root.certificate), factsOf(parseCertificate(root.der)))
})
