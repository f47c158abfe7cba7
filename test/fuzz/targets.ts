/** The readers, with sound files of every kind that they read, and the places within that a change of the file alone would not get to. */
import type { Test } from 'tap'
import { readPin } from '../../src/pse/cred-v2.ts'
import { readDer } from '../../src/pse/der-value.ts'
import type { IdentityContent } from '../../src/pse/identity.ts'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { readTrustFile } from '../../src/pse/trust-file.ts'
import { listCredentials, removeCredential, writeCredential } from '../../src/pse/write-cred-v2.ts'
import { writePkcs12 } from '../../src/pse/write-pkcs12.ts'
import { writePse } from '../../src/pse/write-pse.ts'
import { readRevocationLists } from '../../src/revocation/read-lists.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { octets, seq } from '../helpers/der.ts'
import { lpsBlob, mintCredentials, withChecksum, type Credential } from '../helpers/mint-cred-v2.ts'
import { crlPem, flag, fullName, issuingDistributionPoint, mintCrl, serialOf } from '../helpers/mint-crl.ts'
import { encryptedSection, encryptPbes2, mintPkcs12, mintPkcs7, pemBlock } from '../helpers/mint-pkcs12.ts'
import { mintPse, rsaPseKey, toBeSigned } from '../helpers/mint-pse.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

/** A file, or a part of one, and what reads it. */
export interface Target {
  readonly reader: string
  readonly name: string
  /** What is changed. */
  readonly sample: Buffer
  /** Makes a file of the changed sample: encryption, checksums. */
  readonly wrap: (changed: Buffer) => Buffer
  readonly read: (file: Buffer) => unknown
}

/** The PIN of all files. No error may have it in its message. */
export const pin = 'Geheim-Wort'

const pse = '/sec/a.pse'
const user = 'wdadm'
const same = (bytes: Buffer): Buffer => bytes

type Sample = Buffer | [sample: Buffer, wrap: (changed: Buffer) => Buffer]

function targetsOf (reader: string, read: Target['read'], samples: Readonly<Record<string, Sample>>): Target[] {
  return Object.entries(samples).map(([name, sample]): Target =>
    Buffer.isBuffer(sample) ? { reader, name, sample, wrap: same, read } : { reader, name, sample: sample[0], wrap: sample[1], read })
}

/** All readers. */
export async function makeTargets (t: Test): Promise<Target[]> {
  const pki = await mintPki(t)
  const rsa = await pki.issue({ subject: 'CN=rsa', issuer: pki.intermediate, keyType: 'RSA' })
  const rsaCa = await pki.issue({ subject: 'CN=RSA CA', issuer: pki.root, ca: true, keyType: 'RSA' })
  const openIdentity = (file: Buffer): unknown => readIdentity(file, { file: 'a', pin })
  return [
    ...targetsOf('PSE', openIdentity, pseFiles(pki, rsa)),
    ...targetsOf('PKCS#12', openIdentity, pkcs12Files(pki, rsa)),
    ...targetsOf('PEM', openIdentity, pemFiles(pki, rsa)),
    ...targetsOf('cred_v2', file => readPin(file, { file: 'cred_v2', pse, user }), credentials()),
    ...targetsOf('cred_v2, changed', changeCredentials, { 'of all kinds': mintCredentials(...(['v0', 'v1-3des', 'v1-aes', 'lps'] as const).map(cipher => ({ pse, user, pin, cipher }))) }),
    ...targetsOf('trust file', file => readTrustFile(file, 'a'), {
      PEM: Buffer.from(rsa.chainPem + pki.root.certPem),
      'PKCS#7': mintPkcs7(pki.root.der, pki.intermediate.der),
      'a certificate': pki.root.der
    }),
    ...targetsOf('CRL', file => judge(file, pki), listsOf(pki, rsaCa))
  ]
}

type Pki = Awaited<ReturnType<typeof mintPki>>

function pseFiles (pki: Pki, rsa: Issued): Record<string, Sample> {
  const parts = { key: rsaPseKey(rsa.key), certificate: rsa.der, root: pki.root.der, path: [pki.intermediate.der], trusted: [pki.root, pki.intermediate].map(({ der }) => toBeSigned(der)), certList: [rsa.der], iterations: 10n }
  // the content stands in the file without a PIN, behind the version
  const plain = mintPse(parts)
  const content = plain.subarray(plain.indexOf(Buffer.from('020102', 'hex')) + 3)
  return {
    'version 2': plain,
    'version 2 with PIN': mintPse({ ...parts, pin }),
    'version 2 with PIN, inside': [content, content => mintPse({ pin, content, iterations: 10n })],
    'version 4 with PIN': mintPse({ ...parts, version: 4, pin }),
    'version 4, inside': [content, content => mintPse({ version: 4, content })],
    'verify PSE': writePse({ privateKey: null, certificate: null, chain: [], trusted: [pki.root.der] }, { pin: null }),
    'of SECUDE': mintPse({ ...parts, pin, scheme: 'secude-count' }),
    'of SECUDE, inside': [content, content => mintPse({ pin, content, scheme: 'secude' })]
  }
}

function pkcs12Files (pki: Pki, rsa: Issued): Record<string, Sample> {
  const whole = { password: pin, keys: [rsa.key], certificates: [rsa.der, pki.intermediate.der] }
  const unencrypted = { keyEncryption: 'none', certificateEncryption: 'none' } as const
  const identity: IdentityContent = { privateKey: rsa.key, certificate: rsa.der, chain: [pki.intermediate.der, pki.root.der], trusted: [pki.root.der] }
  const sections: Buffer[] = []
  mintPkcs12({ ...whole, ...unencrypted, tamper: { inside: content => { sections.push(content); return content } } })
  // SEQUENCE { ContentInfo with the certificates, ContentInfo with the key }
  const bags = readDer(sections[0]!, what => new TypeError(what)).child(0).child(1).child(0).content
  return {
    'with PBES2': mintPkcs12(whole),
    'with 3DES': mintPkcs12({ ...whole, keyEncryption: 'pbe-3des', certificateEncryption: 'pbe-3des', mac: 'sha1' }),
    'with PBMAC1': mintPkcs12({ ...whole, mac: 'pbmac1' }),
    'of this program': writePkcs12(identity, { pin, iterations: 10 }),
    'without encryption': mintPkcs12({ ...whole, ...unencrypted, mac: 'none' }),
    'inside of the MAC': [sections[0]!, changed => mintPkcs12({ password: pin, tamper: { inside: () => changed } })],
    'inside of the encryption': [bags, changed => mintPkcs12({ password: pin, section: encryptedSection(changed, 'pbes2', { password: pin }) })]
  }
}

function pemFiles (pki: Pki, rsa: Issued): Record<string, Sample> {
  const encrypted = (key: Buffer): Buffer => {
    const { algorithm, data } = encryptPbes2(key, { password: pin })
    return Buffer.from(pemBlock('ENCRYPTED PRIVATE KEY', seq(algorithm, octets(data))) + rsa.chainPem)
  }
  return {
    PEM: Buffer.from(rsa.keyPem + rsa.chainPem),
    'with a key of PKCS#1': Buffer.from(rsa.key.export({ type: 'pkcs1', format: 'pem' }) + rsa.chainPem),
    'with a key of SEC 1': Buffer.from(pki.server.key.export({ type: 'sec1', format: 'pem' }) + pki.server.chainPem),
    'with DEK-Info': Buffer.from(rsa.key.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: pin }) + rsa.chainPem),
    'with PKCS#7': Buffer.from(rsa.keyPem + pemBlock('PKCS7', mintPkcs7(rsa.der, pki.intermediate.der))),
    'with an encrypted key': Buffer.from(rsa.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: pin }) + rsa.chainPem),
    'with an encrypted key, inside': [rsa.key.export({ type: 'pkcs8', format: 'der' }), encrypted]
  }
}

function credentials (): Record<string, Sample> {
  const record = (credential: Partial<Credential>): Buffer => mintCredentials({ pse, user, pin, cipher: 'v1-aes', ...credential })
  const plain = seq(Buffer.from(`\x16${String.fromCharCode(pin.length)}${pin}`, 'latin1'))
  const blob = lpsBlob({ pin, restriction: `(user=${user})` })
  return {
    'version 0': record({ cipher: 'v0' }),
    'version 0, inside': [plain, plain => record({ cipher: 'v0', plain })],
    'version 1 with 3DES': record({ cipher: 'v1-3des' }),
    'version 1 with AES': record({}),
    'version 1 with AES, inside': [plain, plain => record({ plain })],
    LPS: record({ cipher: 'lps' }),
    'LPS, inside of the checksum': [blob.subarray(0, -4), changed => record({ cipher: 'lps', blob: () => withChecksum(changed) })]
  }
}

/** Lists, adds and removes; nothing that is written can be read less than what it was made from. */
function changeCredentials (file: Buffer): void {
  const name = { file: 'cred_v2' }
  const before = listCredentials(file, { ...name, user: 'another' })
  const added = writeCredential(file, { pse: '/sec/b.pse', user: 'another', pin, certificate: null }, name)
  if (listCredentials(added, { ...name, user: 'another' }).length < before.length) throw new TypeError('a record is lost')
  if (removeCredential(added, { pse: '/sec/b.pse', user: 'another' }, name)?.equals(file) === false) throw new TypeError('a record has changed')
}

function listsOf (pki: Pki, rsaCa: Issued): Record<string, Sample> {
  const revoked = [{ certificate: pki.client, reason: 1 }, { certificate: pki.server }, { certificate: Buffer.from([5]), reason: 8 }]
  return {
    'a list': mintCrl({ issuer: pki.intermediate, revoked }),
    'for distribution points': mintCrl({ issuer: pki.intermediate, revoked, extensions: [issuingDistributionPoint(fullName('http://a.example'), flag(1))] }),
    'signed with RSA-PSS': mintCrl({ issuer: rsaCa, algorithm: 'rsa-pss-sha256', revoked: [{ certificate: pki.client }] }),
    'two lists': Buffer.concat([mintCrl({ issuer: pki.intermediate, revoked }), mintCrl({ issuer: pki.root })]),
    PEM: Buffer.from(crlPem(mintCrl({ issuer: pki.intermediate, revoked })))
  }
}

/** Reads, judges and looks for numbers. Whom the untouched list revokes is never cleared by a changed one: its signature is wrong. */
function judge (file: Buffer, { client }: Pki): void {
  const lists = readRevocationLists(file, 'a')
  const path = { certificates: [client, ...client.issuers].map(({ certificate }) => certificate), isAnchor: (one: unknown) => one === client.issuers[0]!.certificate }
  const finding = new RevocationLists({ policy: 'hard', lists, onUnknown: () => {} }).judge(path)
  if (finding === null) throw new TypeError('a changed list clears a certificate')
  for (const { entries } of lists) entries.find(serialOf(client))
}
