import fc from 'fast-check'
import t from 'tap'
import { escapeValue, formatName } from '../../src/x509/distinguished-name.ts'
import { encodeName } from '../../src/x509/name-encoding.ts'

t.test('names as people type them', async t => {
  const rows: Array<[typed: string, printed: string]> = [
    ['CN=host.example, OU=Unit, O=Example, C=DE', 'CN=host.example, OU=Unit, O=Example, C=DE'],
    ['cn = host , o=Example;C=DE', 'CN=host, O=Example, C=DE'],
    ['CN=host, ST=Bayern, E=a@example.com', 'CN=host, SP=Bayern, EMAIL=a@example.com'],
    ['CN=a, S=B, EMAILADDRESS=a@b, DC=c, SERIALNUMBER=0815', 'CN=a, SP=B, EMAIL=a@b, DC=c, SERIALNUMBER=0815'],
    ['CN="Example, Inc."', 'CN=Example\\, Inc.'],
    ['CN="a \\" b"', 'CN=a \\" b'],
    ['CN=Example\\, Inc.', 'CN=Example\\, Inc.'],
    ['CN=a\\c3\\a4b', 'CN=aäb'],
    ['CN=\\ a\\ ', 'CN=\\ a\\ '],
    ['CN=\\#1', 'CN=\\#1'],
    ['CN=a=b', 'CN=a=b'],
    ['CN=a+UID=b, C=DE', 'CN=a+UID=b, C=DE'],
    ['CN=\u{1f600}, O="\u{1f600}"', 'CN=\u{1f600}, O=\u{1f600}'],
    ['2.5.4.3=a, OID.1.2.3.4=b', 'CN=a, 1.2.3.4=b']
  ]
  for (const [typed, printed] of rows) t.equal(formatName(encodeName(typed)), printed, typed)
})

t.test('what is no name is refused with its part', async t => {
  const rows: Array<[typed: string, fault: RegExp]> = [
    ['', /"" has no "="/],
    ['CN=a, host', /"host" has no "="/],
    ['CN=a,', /"" has no "="/],
    ['XY=a', /"XY=a": the type is not known/],
    ['CN=', /"CN=" has no value/],
    ['CN=""', /"CN=""" has no value/],
    ['CN= , C=DE', /"CN=" has no value/],
    ['CN=#0c0161', /"CN=#0c0161": expected a text/],
    ['CN=a"b"', /a quotation mark within the value/],
    ['CN="a"b', /a quotation mark within the value/],
    ['CN="a', /a quotation mark within the value/],
    ['CN=\\ff', /no UTF-8/],
    ['C=Germany', /two letters/],
    ['SERIALNUMBER=*', /letters, digits/],
    ['EMAIL=ä@example.com', /ASCII/]
  ]
  for (const [typed, message] of rows) t.throws(() => encodeName(typed), { code: 'POSTERN_ERR_X509_NAME_INVALID', message }, typed)
})

t.test('a printed name, typed again, is the same name', async t => {
  const attribute = fc.tuple(fc.constantFrom('CN', 'OU', 'O', 'L', 'SP', 'STREET', 'UID', '1.2.3.4'), fc.string({ minLength: 1, unit: 'grapheme' }))
  fc.assert(fc.property(fc.array(attribute, { minLength: 1, maxLength: 6 }), attributes => {
    const text = attributes.map(([type, value]) => `${type}=${escapeValue(value)}`).join(', ')
    return formatName(encodeName(text)) === text
  }))
})
