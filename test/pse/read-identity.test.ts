import t from 'tap'
import { isPinRequired, isPinWrong, readIdentity } from '../../src/pse/read-identity.ts'
import { mintPse } from '../helpers/mint-pse.ts'
import { mintPkcs12 } from '../helpers/mint-pkcs12.ts'
import { mintPki } from '../helpers/pki.ts'

const { server, root } = await mintPki(t)
const format = (bytes: Uint8Array) => readIdentity(bytes, { file: 'SAPSSLS.pse', pin: null }).source.format

t.test('tells the format by the content', async t => {
  t.equal(format(mintPse({ root: root.der })), 'pse-v2')
  t.equal(format(mintPse({ root: root.der, version: 4 })), 'pse-v4')
  t.equal(format(mintPkcs12({ password: '', certificates: [root.der] })), 'pkcs12')
  t.equal(format(Buffer.from(root.certPem)), 'pem')
  t.equal(format(Buffer.from(` 0 s:CN = Root CA\n${root.certPem}`)), 'pem', 'with text before')
  t.equal(format(Buffer.from(`0 s:CN = Root CA\n${root.certPem}`)), 'pem', 'with text that starts like DER')
})

t.test('says of other files what they are', async t => {
  const rows: Array<[bytes: Uint8Array, code: string, message: RegExp]> = [
    [Buffer.alloc(0), 'IDENTITY_FORMAT_UNKNOWN', /it is empty/],
    [Buffer.from('#!/bin/sh'), 'IDENTITY_FORMAT_UNKNOWN', /starts with byte 35/],
    [server.der, 'IDENTITY_FORMAT_UNKNOWN', /single certificate, which is trust/],
    [server.key.export({ type: 'pkcs8', format: 'der' }), 'PSE_VERSION', /version 0/],
    [Buffer.from('0 and no DER'), 'PSE_NOT_DER', /is not a PSE/]
  ]
  for (const [bytes, code, message] of rows) t.throws(() => format(bytes), { code: `POSTERN_ERR_${code}`, message }, code)
})

t.test('tells whether a PIN or another PIN would help', async t => {
  const errorOf = (bytes: Uint8Array, pin: string | null): unknown => {
    try {
      return readIdentity(bytes, { file: 'x', pin })
    } catch (error) {
      return error
    }
  }
  const encryptedKey = server.certPem + server.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: '1' })
  for (const bytes of [mintPse({ pin: '1' }), mintPse({ pin: '1', version: 4 }), mintPkcs12({ password: '1', certificates: [root.der] }), Buffer.from(encryptedKey)]) {
    t.equal(isPinRequired(errorOf(bytes, null)), true)
    t.equal(isPinWrong(errorOf(bytes, '2')), true)
    t.equal(isPinRequired(errorOf(bytes, '2')), false)
    t.equal(isPinWrong(errorOf(bytes, null)), false)
  }
  t.equal(isPinRequired(new TypeError('other')), false)
})
