/** Whatever happens to a list, reading it ends soon, in a result or in an error of ours. */
import t from 'tap'
import fc from 'fast-check'
import { encodeDer } from '../../src/pse/der-value.ts'
import { readRevocationLists } from '../../src/revocation/read-lists.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { crlPem, flag, fullName, issuingDistributionPoint, mintCrl, serialOf } from '../helpers/mint-crl.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const rsaCa = await pki.issue({ subject: 'CN=RSA CA', issuer: pki.root, ca: true, keyType: 'RSA' })
const user = await pki.issue({ subject: 'CN=rsa user', issuer: rsaCa })
const revoked = [{ certificate: pki.client, reason: 1 }, { certificate: pki.server }, { certificate: Buffer.from([5]), reason: 8 }]

const files = {
  'a list': mintCrl({ issuer: pki.intermediate, revoked }),
  'a list for distribution points': mintCrl({ issuer: pki.intermediate, revoked, extensions: [issuingDistributionPoint(fullName('http://a.example'), flag(1))] }),
  'a list signed with RSA-PSS': mintCrl({ issuer: rsaCa, algorithm: 'rsa-pss-sha256', revoked: [{ certificate: user }] }),
  'two lists': Buffer.concat([mintCrl({ issuer: pki.intermediate, revoked }), mintCrl({ issuer: pki.root })]),
  'a PEM file': Buffer.from(crlPem(mintCrl({ issuer: pki.intermediate, revoked })))
}

interface Edit { readonly at: number, readonly removed: number, readonly inserted: Uint8Array }

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat({ max: 8 }),
  // lengths that lie, tags, zeros
  inserted: fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constantFrom(...['', '84ffffffff', '30', '80', '0000', 'a0', '02', '3080'].map(hex => Buffer.from(hex, 'hex'))))
})

function apply (bytes: Buffer, edits: readonly Edit[]): Buffer {
  return edits.reduce((current, { at, removed, inserted }) => {
    const position = Math.floor(at * current.length)
    return Buffer.concat([current.subarray(0, position), inserted, current.subarray(position + removed)])
  }, bytes)
}

/** Reads, judges and looks for numbers. Whom the untouched list revokes is never cleared by a changed one: its signature is wrong. */
function endsWell (bytes: Buffer): void {
  const start = performance.now()
  try {
    const lists = readRevocationLists(bytes, 'a')
    for (const leaf of [pki.client, user]) {
      const path = { certificates: [leaf, ...leaf.issuers].map(({ certificate }) => certificate), isAnchor: (one: unknown) => one === leaf.issuers[0]!.certificate }
      const finding = new RevocationLists({ policy: 'hard', lists, onUnknown: () => {} }).judge(path)
      if (finding === null) throw new TypeError('a changed list clears a certificate')
    }
    for (const { entries } of lists) entries.find(serialOf(pki.client))
  } catch (error) {
    if (!/^POSTERN_ERR_CRL_/.test(String((error as NodeJS.ErrnoException).code))) throw error
  }
  if (performance.now() - start > 20_000) throw new TypeError('reading took too long')
}

for (const [name, bytes] of Object.entries(files)) {
  t.test(`${name}: any change ends in a result or in an error of ours`, async () => {
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), edits => endsWell(apply(bytes, edits))), { seed: 4711, numRuns: Number(process.env.POSTERN_TEST_RUNS ?? 600) })
  })
}

t.test('any bytes end in an error of ours', async () => {
  const prefix = fc.constantFrom('', '30820003', '3082000302010130', '3080', '2d2d2d2d2d424547494e2041').map(hex => Buffer.from(hex, 'hex'))
  fc.assert(fc.property(prefix, fc.uint8Array({ maxLength: 300 }), (start, rest) => endsWell(Buffer.concat([start, rest]))), { seed: 4711, numRuns: 500 })
})

t.test('a megabyte of nested or tiny elements ends soon', async () => {
  const tiny = encodeDer(0x30, encodeDer(0x30, Buffer.alloc(1 << 20, Buffer.from('0500', 'hex'))))
  for (const bytes of [Buffer.alloc(1 << 20, Buffer.from('3080', 'hex')), tiny, Buffer.alloc(1 << 20, '30'), Buffer.alloc(1 << 20, Buffer.from('3000', 'hex')), Buffer.alloc(1 << 20, '-----BEGIN X509 CRL-----\n')]) {
    endsWell(bytes)
  }
})

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
