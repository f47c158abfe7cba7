import t from 'tap'
import fc from 'fast-check'
import { escapeValue, formatName } from '../../src/x509/distinguished-name.ts'
import { encodeName, type NameInput } from '../helpers/pki.ts'

const print = (name: NameInput) => formatName(new Uint8Array(encodeName(name)))
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))

t.test('names are printed as SAP prints them', async t => {
  const rows: Array<{ source: string, name: NameInput, text: string }> = [
    {
      source: 'spec 4.2, subject of a vendor trace',
      name: [[{ type: 'C', value: 'BR' }], [{ type: 'O', value: 'SAP' }], [{ type: 'OU', value: 'SSL CLIENT' }], [{ type: 'CN', value: 'WDP' }]],
      text: 'CN=WDP, OU=SSL CLIENT, O=SAP, C=BR'
    },
    {
      source: 'spec 4.2, issuer of a vendor trace: EMAIL and SP',
      name: [
        [{ type: '2.5.4.6', value: 'BR', encoding: 'printable' }], [{ type: '2.5.4.8', value: 'State' }], [{ type: '2.5.4.7', value: 'City' }],
        [{ type: '2.5.4.10', value: 'Example CA' }], [{ type: '1.2.840.113549.1.9.1', value: 'ca@example.com', encoding: 'ia5' }]
      ],
      text: 'EMAIL=ca@example.com, O=Example CA, L=City, SP=State, C=BR'
    },
    { source: 'seed document', name: 'CN=SAP CA, O=SAP CA INT, C=DE', text: 'CN=SAP CA, O=SAP CA INT, C=DE' },
    { source: 'RFC 4514 section 4, multi-valued RDN', name: [[{ type: 'DC', value: 'net' }], [{ type: 'OU', value: 'Sales' }, { type: 'CN', value: 'J.  Smith' }]], text: 'OU=Sales+CN=J.  Smith, DC=net' },
    { source: 'RFC 4514 section 4, quotes', name: [[{ type: 'CN', value: 'James "Jim" Smith, III' }]], text: 'CN=James \\"Jim\\" Smith\\, III' },
    { source: 'RFC 4514 section 4, carriage return', name: [[{ type: 'CN', value: 'Before\rAfter' }]], text: 'CN=Before\\0dAfter' },
    { source: 'RFC 4514 section 2.4, first and last blank', name: [[{ type: 'CN', value: '  a  ' }]], text: 'CN=\\  a \\ ' },
    { source: 'RFC 4514 section 2.4, one blank', name: [[{ type: 'CN', value: ' ' }]], text: 'CN=\\ ' },
    { source: 'RFC 4514 section 2.4, number sign', name: [[{ type: 'CN', value: '#a#' }]], text: 'CN=\\#a#' },
    { source: 'RFC 4514 section 2.4, all special characters', name: [[{ type: 'CN', value: 'a"b+c,d;e<f>g\\h=i' }]], text: 'CN=a\\"b\\+c\\,d\\;e\\<f\\>g\\\\h=i' },
    { source: 'RFC 4514 section 2.4, null', name: [[{ type: 'CN', value: 'wd\0.example.com' }]], text: 'CN=wd\\00.example.com' },
    { source: 'C1 control characters in UTF-8', name: [[{ type: 'CN', value: 'a\u0085b' }]], text: 'CN=a\\c2\\85b' },
    { source: 'issue, a CN that imitates', name: [[{ type: 'CN', value: 'wd, O=Example' }]], text: 'CN=wd\\, O=Example' },
    { source: 'UTF8String', name: [[{ type: 'CN', value: 'Łukasz 日本 😀' }]], text: 'CN=Łukasz 日本 😀' },
    { source: 'BMPString', name: [[{ type: 'CN', value: 'Łukasz', encoding: 'bmp' }]], text: 'CN=Łukasz' },
    { source: 'UniversalString', name: [[{ type: 'CN', value: 'Łu', encoding: 'universal' }]], text: 'CN=Łu' },
    { source: 'TeletexString, ISO 8859-1 in practice', name: hex('300f 310d 300b 0603550403 1404 4df66265'), text: 'CN=Möbe' },
    { source: 'NumericString', name: hex('300d 310b 3009 0603550405 1202 3432'), text: 'SERIALNUMBER=42' },
    { source: 'VisibleString', name: hex('300d 310b 3009 0603550403 1a02 6162'), text: 'CN=ab' },
    { source: 'unknown type, RFC 4514 section 2.3', name: [[{ type: '1.3.6.1.4.1.1466.0', value: 'x' }]], text: '1.3.6.1.4.1.1466.0=x' },
    { source: 'value that is no string', name: hex('300e 310c 300a 0603550403 0403 010203'), text: 'CN=#0403010203' },
    { source: 'UTF8String that is no UTF-8', name: hex('300d 310b 3009 0603550403 0c02 c328'), text: 'CN=#0c02c328' },
    { source: 'UTF-8 with a byte order mark', name: hex('300f 310d 300b 0603550403 0c04 efbbbf61'), text: 'CN=\ufeffa' },
    { source: 'PrintableString with a byte above 127', name: hex('300d 310b 3009 0603550403 1302 61e9'), text: 'CN=#130261e9' },
    { source: 'BMPString of odd length', name: hex('300e 310c 300a 0603550403 1e03 004100'), text: 'CN=#1e03004100' },
    { source: 'BMPString with half a pair', name: hex('300d 310b 3009 0603550403 1e02 d83d'), text: 'CN=#1e02d83d' },
    { source: 'UniversalString of odd length', name: hex('300d 310b 3009 0603550403 1c02 0041'), text: 'CN=#1c020041' },
    { source: 'UniversalString beyond Unicode', name: hex('300f 310d 300b 0603550403 1c04 00110000'), text: 'CN=#1c0400110000' },
    { source: 'UniversalString with a surrogate', name: hex('300f 310d 300b 0603550403 1c04 0000d800'), text: 'CN=#1c040000d800' },
    { source: 'RFC 5280 section 4.1.2.6, empty name', name: hex('3000'), text: '' }
  ]
  for (const { source, name, text } of rows) t.equal(print(name), text, source)
})

t.test('what is no name is refused', async t => {
  const rows: Array<[string, string, string]> = [
    ['no bytes', '', 'X509_DER_INVALID'],
    ['a SET', '3100', 'X509_DER_INVALID'],
    ['bytes behind', '3000 00', 'X509_DER_INVALID'],
    ['a part that is no SET', '3002 3000', 'X509_DER_INVALID'],
    ['a part without attributes', '3002 3100', 'X509_NAME_INVALID'],
    ['an attribute that is no SEQUENCE', '3004 3102 0500', 'X509_DER_INVALID'],
    ['an attribute without value', '3009 3107 3005 0603550403', 'X509_NAME_INVALID'],
    ['an attribute without type', '300a 3108 3006 0c016f 0c016f', 'X509_NAME_INVALID'],
    ['two values', '300f 310d 300b 0603550403 0c0161 0c0162', 'X509_NAME_INVALID'],
    ['a type with padding', '300d 310b 3009 0604 55048003 0c0161', 'X509_NAME_INVALID'],
    ['a type that ends in the middle', '300b 3109 3007 0602 5584 0c0161', 'X509_NAME_INVALID'],
    ['an empty type', '3009 3107 3005 0600 0c0161', 'X509_NAME_INVALID']
  ]
  for (const [title, bytes, code] of rows) t.throws(() => formatName(hex(bytes)), { code: `POSTERN_ERR_${code}` }, title)
})

const attribute = fc.record({ type: fc.constantFrom('CN', 'OU', 'O', 'C', '1.2.3.4'), value: fc.string({ unit: 'binary', maxLength: 12 }), encoding: fc.constant('utf8' as const) })
const name = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { maxLength: 4 })
/** Texts made of what names are made of, so that imitations come up. */
const tricky = fc.array(fc.constantFrom('wd', 'O=', 'CN=', ', ', ',', '+', '\\', '"', '#', ' ', '=', 'Example'), { maxLength: 8 }).map(parts => parts.join(''))
const trickyName = fc.array(fc.array(fc.record({ type: fc.constantFrom('CN', 'O'), value: tricky, encoding: fc.constant('utf8' as const) }), { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 })

t.test('different names never have the same text', async t => {
  fc.assert(fc.property(fc.oneof(name, trickyName), fc.oneof(name, trickyName), (one, other) =>
    (print(one) === print(other)) === (JSON.stringify(one) === JSON.stringify(other))), { numRuns: 2000 })
})

t.test('a text says what is in the name: splitting and unescaping gives the attributes back', async t => {
  fc.assert(fc.property(fc.oneof(name, trickyName), parts =>
    JSON.stringify(parse(print(parts)).reverse()) === JSON.stringify(parts.map(rdn => rdn.map(({ type, value }) => [type, value])))), { numRuns: 1000 })
})

t.test('an escaped value has no separator outside an escape', async t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), value => !/[,+"<>;]/.test(escapeValue(value).replace(/\\./g, ''))))
})

/** A reader of RFC 4514 strings, written for this test only. */
function parse (text: string): Array<Array<[string, string]>> {
  if (text === '') return []
  return split(text, ',').map((part, index) => split(index === 0 ? part : part.slice(1), '+').map(attribute => {
    const equals = attribute.indexOf('=')
    return [attribute.slice(0, equals), unescape(attribute.slice(equals + 1))]
  }))
}

function split (text: string, separator: string): string[] {
  const parts = ['']
  for (let index = 0; index < text.length; index++) {
    if (text[index] === separator) parts.push('')
    else {
      const length = text[index] === '\\' ? 2 : 1
      parts[parts.length - 1] += text.slice(index, index + length)
      index += length - 1
    }
  }
  return parts
}

function unescape (value: string): string {
  const bytes = [...value.matchAll(/\\([0-9a-f]{2})|\\(.)|([^\\])/gsu)].map(([, pair, escaped, plain]) =>
    pair === undefined ? Buffer.from((escaped ?? plain)!) : Buffer.from(pair, 'hex'))
  return Buffer.concat(bytes).toString()
}
