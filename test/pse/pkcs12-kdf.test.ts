import t from 'tap'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { encrypt } from '../../src/pse/block-cipher.ts'
import { bmpPassword, deriveKey } from '../../src/pse/pkcs12-kdf.ts'
import { int, octets, oid, seq } from '../helpers/der.ts'

t.test('derives the key and the initialisation vector of a PSE that CommonCryptoLib wrote', async t => {
  // the worked example of the format description
  const input = { digest: 'sha1', password: bmpPassword('1234567980'), salt: Buffer.from('77cb6908be860865', 'hex'), iterations: 10_000 } as const
  t.equal(bmpPassword('1234567980').toString('hex'), '0031003200330034003500360037003900380030' + '0000')
  t.equal(deriveKey({ ...input, purpose: 1, length: 24 }).toString('hex'), 'e936cbfe16d8f0a7d3ac7a86205ebc614245cd3e6e765c13')
  t.equal(deriveKey({ ...input, purpose: 2, length: 8 }).toString('hex'), 'e2b177edbe637486')
})

t.test('agrees with OpenSSL for passwords and salts of any length', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const lengths = [1, 8, 20, 63, 64, 65, 130]
  for (const saltLength of lengths) {
    for (const passwordLength of [0, ...lengths]) {
      const [passphrase, salt] = ['ä'.repeat(passwordLength), Buffer.alloc(saltLength, 0xfe)]
      const derive = (purpose: 1 | 2, length: number) => deriveKey({ digest: 'sha1', purpose, password: bmpPassword(passphrase), salt, iterations: 3, length })
      const data = encrypt({ cipher: 'des-ede3-cbc', key: derive(1, 24), iv: derive(2, 8) }, privateKey.export({ type: 'pkcs8', format: 'der' }))
      const key = seq(seq(oid('1.2.840.113549.1.12.1.3'), seq(octets(salt), int(3))), octets(data))
      const opened = createPrivateKey({ key, format: 'der', type: 'pkcs8', passphrase })
      t.ok(createPublicKey(opened).equals(publicKey), `salt of ${saltLength} bytes, password of ${passwordLength} letters`)
    }
  }
})
