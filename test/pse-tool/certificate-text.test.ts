import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { certificateText, keyText } from '../../src/pse-tool/certificate-text.ts'
import { mintPki } from '../helpers/pki.ts'

t.test('keys by type and size', async t => {
  const rows: Array<[key: Parameters<typeof keyText>[0], text: string]> = [
    [generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, 'RSA 2048'],
    [generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, 'EC P-256'],
    [generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey, 'EC secp256k1'],
    [generateKeyPairSync('ed25519').publicKey, 'ED25519']
  ]
  for (const [key, text] of rows) t.equal(keyText(key), text)
})

t.test('what a certificate does not have gets no line', async t => {
  const { root, server } = await mintPki(t)
  t.notMatch(certificateText(root.certificate, { now: new Date() }), /Alternative names|Serial number/)
  const text = certificateText(server.certificate, { now: server.certificate.notAfter, verbose: true, indent: '> ' })
  t.match(text, /> Alternative names +DNS:localhost/)
  t.match(text, '(0 days left)')
  t.ok(text.split('\n').every(line => line.startsWith('> ')))
})
