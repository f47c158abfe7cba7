import t from 'tap'
import { hashFor, keyKind, makeKey, type KeyKind } from '../../src/pse-tool/key-kind.ts'

t.test('algorithms as sapgenpse and others spell them', async t => {
  const rows: Array<[algorithm: string | null, size: string | null, kind: KeyKind]> = [
    [null, null, { type: 'rsa', bits: 2048, hash: 'SHA-256' }],
    ['sha256WithRsaEncryption', '2048', { type: 'rsa', bits: 2048, hash: 'SHA-256' }],
    ['SHA512WITHRSAENCRYPTION', '4096', { type: 'rsa', bits: 4096, hash: 'SHA-512' }],
    ['RSA:3072:SHA384', null, { type: 'rsa', bits: 3072, hash: 'SHA-384' }],
    ['rsa', '3072', { type: 'rsa', bits: 3072, hash: 'SHA-256' }],
    ['EC', null, { type: 'ec', bits: 256, hash: 'SHA-256' }],
    ['ecdsa', '384', { type: 'ec', bits: 384, hash: 'SHA-384' }],
    ['ECDSA:P-384:SHA-512', null, { type: 'ec', bits: 384, hash: 'SHA-512' }],
    ['ecdsa-with-SHA384', null, { type: 'ec', bits: 256, hash: 'SHA-384' }]
  ]
  for (const [algorithm, size, kind] of rows) t.strictSame(keyKind(algorithm, size), kind, `${algorithm} ${size}`)
})

t.test('others are refused', async t => {
  for (const [algorithm, size] of [['DSA', null], ['md5WithRSAEncryption', null], ['RSA', '1024'], ['RSA', '8192'], ['RSA', '2049'], ['RSA', 'many'], ['EC', '521'], ['EC:P-521', null]] as const) {
    t.throws(() => keyKind(algorithm, size), { code: 'POSTERN_ERR_PSE_TOOL_USAGE' }, `${algorithm} ${size}`)
  }
})

t.test('keys are what was asked for', async t => {
  t.match((await makeKey({ type: 'rsa', bits: 2048, hash: 'SHA-256' })).asymmetricKeyDetails, { modulusLength: 2048, publicExponent: 65537n })
  const [small, large] = await Promise.all([256, 384].map(async bits => await makeKey({ type: 'ec', bits, hash: 'SHA-256' })))
  t.strictSame([small, large].map(key => key!.asymmetricKeyDetails!.namedCurve), ['prime256v1', 'secp384r1'])
  t.strictSame([small, large].map(key => hashFor(key!)), ['SHA-256', 'SHA-384'])
})
