import t from 'tap'
import { readRevocationLists } from '../../src/revocation/read-lists.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)

t.test('a list of 100 000 certificates costs one table beside its bytes, and a look into it a moment', async t => {
  const numbers = Array.from({ length: 100_000 }, (_, index) => Buffer.from([1, index >> 16, (index >> 8) & 0xff, index & 0xff]))
  const der = mintCrl({ issuer: pki.intermediate, revoked: numbers.map(certificate => ({ certificate, reason: 1 })) })
  const before = process.memoryUsage().arrayBuffers
  const [list] = readRevocationLists(der, 'a')
  const grown = process.memoryUsage().arrayBuffers - before
  // 2^18 slots of four bytes, and what else the process does meanwhile
  t.ok(grown < 4 * 1024 * 1024, `${grown} bytes`)
  const start = performance.now()
  t.ok(numbers.every(number => list!.entries.find(number) !== null))
  const each = (performance.now() - start) / numbers.length
  t.ok(each < 0.2, `${each} ms for each certificate`)
})
