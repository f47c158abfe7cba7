import t from 'tap'
import fc from 'fast-check'
import { dottedIdentifier, readContents, readElements, tags } from '../../src/x509/der.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))

t.test('reads elements with short and long lengths', async t => {
  const long = Buffer.concat([hex('0c8180'), Buffer.alloc(128, 'a')])
  const longer = Buffer.concat([hex('0c820100'), Buffer.alloc(256, 'a')])
  const elements = readElements(Buffer.concat([hex('0500'), long, longer]))
  t.strictSame(elements.map(({ tag, content, encoded }) => [tag, content.length, encoded.length]), [[5, 0, 2], [12, 128, 131], [12, 256, 260]])
  t.strictSame(readContents(hex('3003 020107'), tags.sequence).map(({ content }) => [...content]), [[7]])
})

t.test('refuses what DER does not have', async t => {
  const rows: Array<[string, string]> = [
    ['a tag alone', '30'],
    ['a tag of two bytes', '1f0100'],
    ['indefinite length', '3080 0000'],
    ['a length of five bytes', '0c850000000001 61'],
    ['a length that ends early', '0c82 01'],
    ['a long form for a short length', '0c8101 61'],
    ['a length with a leading zero', '0c820081'],
    ['an element beyond the end', '0c02 61']
  ]
  for (const [title, bytes] of rows) t.throws(() => readElements(hex(bytes)), { code: 'POSTERN_ERR_X509_DER_INVALID' }, title)
  t.throws(() => readContents(hex('3100'), tags.sequence), { code: 'POSTERN_ERR_X509_DER_INVALID' })
  t.throws(() => readContents(hex('300000'), tags.sequence), { code: 'POSTERN_ERR_X509_DER_INVALID' })
})

t.test('any bytes are read or refused with the one code', async t => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
    try {
      const elements = readElements(bytes)
      return Buffer.concat(elements.map(({ encoded }) => encoded)).equals(bytes)
    } catch (error) {
      return (error as { code?: string }).code === 'POSTERN_ERR_X509_DER_INVALID'
    }
  }))
})

t.test('object identifiers in dotted form', async t => {
  const rows: Array<[string, string | null]> = [
    ['2a864886f70d010901', '1.2.840.113549.1.9.1'],
    ['550403', '2.5.4.3'],
    ['883703', '2.999.3'],
    ['0992268993f22c640101', '0.9.2342.19200300.100.1.1'],
    ['6981ffffffffffffffff7f', '2.25.18446744073709551615'],
    ['', null],
    ['5584', null],
    ['558003', null],
    ['01'.repeat(64), `0.1${'.1'.repeat(63)}`],
    ['01'.repeat(65), null]
  ]
  for (const [content, dotted] of rows) {
    t.equal(dottedIdentifier(hex(content)), dotted, content)
  }
})
