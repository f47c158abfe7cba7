import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import t from 'tap'
import { alternativeNamesOf, encodeAlternativeNames } from '../../src/x509/alternative-names.ts'
import { encodeName } from '../../src/x509/name-encoding.ts'
import { makeRequest, selfSign, subjectOf, type Subject } from '../../src/x509/request.ts'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'

const name = encodeName('CN=www.example.com, O=Example, C=DE')
const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
}

/** What openssl says to a request. */
async function openssl (der: Buffer): Promise<string> {
  const input = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE REQUEST-----\n`
  const { code, stdout, stderr } = await runToEnd('openssl', ['req', '-verify', '-noout', '-text'], { input })
  return code === 0 ? stdout + stderr : `ended with ${code}: ${stderr}`
}

t.test('openssl verifies requests of all kinds of keys', async t => {
  const alternativeNames = encodeAlternativeNames(['GN-dNSName:www.example.com', 'GN-dNSName:*.example.com', 'GN-iPAddress:192.0.2.1', 'GN-iPAddress:::1'])
  for (const [kind, privateKey] of Object.entries(keys)) {
    for (const hash of ['SHA-256', 'SHA-384', 'SHA-512'] as const) {
      const said = await openssl(await makeRequest({ name, alternativeNames, privateKey, hash }))
      t.match(said, /verify OK/, `${kind} with ${hash}`)
      t.match(said, new RegExp(`Signature Algorithm: .*${hash.replace('-', '')}`, 'i'))
      t.match(said, 'DNS:www.example.com, DNS:*.example.com, IP Address:192.0.2.1, IP Address:0:0:0:0:0:0:0:1')
      t.match(said, 'C = DE, O = Example, CN = www.example.com')
    }
  }
})

t.test('without alternative names there is no extension', async t => {
  const request = await makeRequest({ name, alternativeNames: null, privateKey: keys.rsa, hash: 'SHA-256' })
  t.notMatch(await openssl(request), 'Alternative Name')
  t.strictSame(pkijs.CertificationRequest.fromBER(Uint8Array.from(request)).attributes ?? [], [])
})

t.test('a self-signed certificate says what its request would, and a renewal repeats it', async t => {
  const now = new Date('2026-01-01T00:00:00Z')
  for (const names of [null, encodeAlternativeNames(['GN-dNSName:www.example.com'])]) {
    const subject: Subject = { name, alternativeNames: names, privateKey: keys['P-256'], hash: 'SHA-256' }
    const der = await selfSign(subject, { now, days: 10 })
    const certificate = new X509Certificate(der)
    t.ok(certificate.verify(certificate.publicKey))
    t.ok(certificate.checkPrivateKey(subject.privateKey))
    t.notOk(certificate.ca)
    t.strictSame([certificate.validFromDate, certificate.validToDate], [now, new Date('2026-01-11T00:00:00Z')])
    t.equal(certificate.subjectAltName, names === null ? undefined : 'DNS:www.example.com')
    t.strictSame(subjectOf(der), { name, alternativeNames: names })
  }
})

t.test('a certificate without extensions has no alternative names', async t => {
  const pki = await mintPki(t)
  const old = await pki.issue({ subject: 'CN=old root', issuer: null, version1: true })
  t.equal(alternativeNamesOf(old.der), null)
})

t.test('keys that no request can be made for', async t => {
  for (const privateKey of [generateKeyPairSync('ed25519').privateKey, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey]) {
    await t.rejects(makeRequest({ name, alternativeNames: null, privateKey, hash: 'SHA-256' }), { code: 'POSTERN_ERR_X509_KEY_UNSUPPORTED' })
  }
})

t.test('alternative names', async t => {
  const ascii = encodeAlternativeNames(['GN-dNSName:www.exämple.com']).toString('latin1')
  t.match(ascii, 'www.xn--exmple-cua.com')
  const rows: Array<[text: string, message: RegExp]> = [
    ['www.example.com', /expected GN-dNSName:<host> or GN-iPAddress/],
    ['GN-rfc822Name:a@b', /expected GN-dNSName/],
    ['GN-dNSName:192.0.2.1', /expected GN-iPAddress:192\.0\.2\.1/],
    ['GN-dNSName:a b', /expected a host name/],
    ['GN-dNSName:', /expected a host name/],
    ['GN-dNSName:a.*.b', /expected a host name/],
    ['GN-iPAddress:host', /expected an IP address/]
  ]
  for (const [text, message] of rows) t.throws(() => encodeAlternativeNames([text]), { code: 'POSTERN_ERR_X509_ALTERNATIVE_NAME', message }, text)
})
