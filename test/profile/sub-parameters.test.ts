import t from 'tap'
import { parseSubParameters, quoteSubParameter } from '../../src/profile/sub-parameters.ts'

const keys = ['PROT', 'PORT', 'HOST', 'SUBJECT', 'ISSUER', 'PREFIX', 'LOGFILE', 'LOGFORMAT', 'MAXSIZEKB', 'SRCURL', 'CN']

function parse (value: string) {
  const parameter = { name: 'icm/x_0', value, rawValue: value, origin: { file: 'p', line: 3 }, unresolved: [] }
  const { pairs, findings } = parseSubParameters(parameter, { keys, toEnd: ['LOGFORMAT'] })
  return { pairs: pairs.map(({ key, value, quoted }) => quoted ? [key, value, 'quoted'] : [key, value]), findings }
}

const name = 'CN=WDP, OU=SSL CLIENT, O=SAP, C=BR'
const issuer = 'CN=Example CA, O=Example, C=BR'

t.test('values that are written well', async t => {
  const rows: Array<[value: string, ...pairs: string[][]]> = [
    ['', ...[]],
    ['PROT=HTTPS,PORT=443', ['PROT', 'HTTPS'], ['PORT', '443']],
    ['PROT=HTTPS, PORT = 443 ,\tHOST=a', ['PROT', 'HTTPS'], ['PORT', '443'], ['HOST', 'a']],
    ['PROT=, PORT=1', ['PROT', ''], ['PORT', '1']],
    ['SRCURL=/sap/bc/;/sap/public/?a=b', ['SRCURL', '/sap/bc/;/sap/public/?a=b']],
    [`SUBJECT="${name}", ISSUER="${issuer}"`, ['SUBJECT', name, 'quoted'], ['ISSUER', issuer, 'quoted']],
    [`SUBJECT = "${name}" ,ISSUER="*"`, ['SUBJECT', name, 'quoted'], ['ISSUER', '*', 'quoted']],
    ['HOST=""', ['HOST', '', 'quoted']],
    ['HOST="a \\"b\\", c"', ['HOST', 'a "b", c', 'quoted']],
    ['HOST="D:\\usr\\sap"', ['HOST', 'D:\\usr\\sap', 'quoted']],
    ['SUBJECT="CN=a\\, b, O=c"', ['SUBJECT', 'CN=a\\, b, O=c', 'quoted']],
    ['SUBJECT="CN=O’Brien"', ['SUBJECT', 'CN=O’Brien', 'quoted']],
    ['ISSUER=CN=x', ['ISSUER', 'CN=x']],
    ['HOST=O=x, CN=y', ['HOST', 'O=x'], ['CN', 'y']],
    ['host=a, FOO=b, X-Y=c', ['host', 'a'], ['FOO', 'b'], ['X-Y', 'c']],
    ['PREFIX=/a KEY=b', ['PREFIX', '/a KEY=b']],
    ['PREFIX=/, LOGFORMAT=%h %l %u %t "%r" %s, %b', ['PREFIX', '/'], ['LOGFORMAT', '%h %l %u %t "%r" %s, %b']],
    ['LOGFORMAT=%t \\"%r\\" %{Host}i, LOGFILE=x', ['LOGFORMAT', '%t "%r" %{Host}i'], ['LOGFILE', 'x']],
    ['LOGFORMAT=%a, FOO=%b,MAXSIZEKB=5', ['LOGFORMAT', '%a, FOO=%b'], ['MAXSIZEKB', '5']],
    ['LOGFORMAT="%t %a", LOGFILE=x', ['LOGFORMAT', '%t %a', 'quoted'], ['LOGFILE', 'x']],
    ['LOGFORMAT="%t \\"%r\\""', ['LOGFORMAT', '%t "%r"', 'quoted']],
    ['LOGFORMAT="%r" %s "%b"', ['LOGFORMAT', '"%r" %s "%b"']],
    ['LOGFORMAT="%r', ['LOGFORMAT', '"%r']],
    ['LOGFORMAT="', ['LOGFORMAT', '"']],
    ['LOGFORMAT=', ['LOGFORMAT', '']],
    ['LOGFILE=a, LOGFORMAT=CLF', ['LOGFILE', 'a'], ['LOGFORMAT', 'CLF']]
  ]
  for (const [value, ...pairs] of rows) t.strictSame(parse(value), { pairs, findings: [] }, value)
})

interface Expected { code: string, parameter?: string, message?: RegExp | string, expected?: RegExp | string | null }

t.test('values that are not written well', async t => {
  const typographic = 'POSTERN_ERR_PROFILE_TYPOGRAPHIC_QUOTES'
  const quotes = 'POSTERN_ERR_PROFILE_QUOTES'
  const part = 'POSTERN_ERR_PROFILE_SUB_PARAMETER'
  const comma = 'POSTERN_WARN_PROFILE_COMMA_MISSING'
  const both = [['SUBJECT', name, 'quoted'], ['ISSUER', issuer, 'quoted']]
  const rows: Array<{ value: string, pairs: string[][], findings: Expected[] }> = [
    // a comma is missing
    { value: `SUBJECT="${name}" ISSUER="${issuer}"`, pairs: both, findings: [{ code: comma, parameter: 'icm/x_0 SUBJECT' }] },
    { value: `SUBJECT="${name}"ISSUER="${issuer}"`, pairs: both, findings: [{ code: comma }] },
    { value: 'HOST=a PORT=80', pairs: [['HOST', 'a PORT=80']], findings: [{ code: 'POSTERN_ERR_PROFILE_COMMA_MISSING', parameter: 'icm/x_0 HOST', expected: /comma before PORT=/ }] },
    { value: 'HOST=a X=1 PORT=80 PROT=x', pairs: [['HOST', 'a X=1 PORT=80 PROT=x']], findings: [{ code: 'POSTERN_ERR_PROFILE_COMMA_MISSING', message: /^PORT=/ }] },
    // parts that say nothing
    { value: 'PROT=HTTP,', pairs: [['PROT', 'HTTP']], findings: [{ code: 'POSTERN_WARN_PROFILE_EMPTY_PART', message: /ends with a comma/ }] },
    { value: 'PROT=HTTP,, PORT=1', pairs: [['PROT', 'HTTP'], ['PORT', '1']], findings: [{ code: 'POSTERN_WARN_PROFILE_EMPTY_PART', parameter: 'icm/x_0' }] },
    { value: 'PROT=HTTP, TLS, PORT=1', pairs: [['PROT', 'HTTP'], ['PORT', '1']], findings: [{ code: part, message: '"TLS" has no key', expected: /PROT, PORT/ }] },
    { value: '=x', pairs: [], findings: [{ code: part, message: /"=x"/ }] },
    { value: '"PROT=HTTP"', pairs: [], findings: [{ code: part }] },
    { value: 'PORT=1, PORT=2', pairs: [['PORT', '1'], ['PORT', '2']], findings: [{ code: part, parameter: 'icm/x_0 PORT', message: /twice/ }] },
    // quotes
    { value: 'HOST="a, PORT=1', pairs: [['HOST', 'a, PORT=1', 'quoted']], findings: [{ code: quotes, message: /not closed/ }] },
    { value: 'HOST="D:\\sec\\"', pairs: [['HOST', 'D:\\sec"', 'quoted']], findings: [{ code: quotes, message: /not closed/ }] },
    { value: 'HOST="a"b, PORT=1', pairs: [['HOST', 'a', 'quoted'], ['PORT', '1']], findings: [{ code: quotes, message: '"b" follows behind the closing quote' }] },
    { value: `SUBJECT=${name}, ISSUER=${issuer}`, pairs: [['SUBJECT', name], ['ISSUER', issuer]], findings: [{ code: quotes, parameter: 'icm/x_0 SUBJECT', expected: `SUBJECT="${name}"` }, { code: quotes, parameter: 'icm/x_0 ISSUER', expected: `ISSUER="${issuer}"` }] },
    { value: 'SUBJECT=O=a, C=DE, FOO=b, OU=c', pairs: [['SUBJECT', 'O=a, C=DE'], ['FOO', 'b'], ['OU', 'c']], findings: [{ code: quotes, parameter: 'icm/x_0 SUBJECT' }] },
    { value: 'SUBJECT=O=a, C=DE, *', pairs: [['SUBJECT', 'O=a, C=DE']], findings: [{ code: quotes }, { code: part, message: '"*" has no key' }] },
    // signs of typography
    { value: `SUBJECT=“${name}”, ISSUER="${issuer}"`, pairs: both, findings: [{ code: typographic, parameter: 'icm/x_0 SUBJECT', message: /“ \(U\+201C, left double quotation mark\)/, expected: /" \(U\+0022\): SUBJECT="\.\.\."/ }] },
    { value: `SUBJECT=„${name}“ , ISSUER=»${issuer}«`, pairs: both, findings: [{ code: typographic, message: /U\+201E/ }, { code: typographic, message: /U\+00BB/ }] },
    { value: `SUBJECT=‘${name}’, ISSUER='${issuer}'`, pairs: both, findings: [{ code: typographic, message: /U\+2018/ }, { code: typographic, message: /' \(U\+0027, apostrophe\)/ }] },
    { value: `SUBJECT=“${name}", ISSUER=″${issuer}″`, pairs: both, findings: [{ code: typographic }, { code: typographic, message: /double prime/ }] },
    { value: 'SUBJECT=“CN=O’Brien, O=x”', pairs: [['SUBJECT', 'CN=O’Brien, O=x', 'quoted']], findings: [{ code: typographic }] },
    { value: 'SUBJECT=“CN=x', pairs: [['SUBJECT', 'CN=x', 'quoted']], findings: [{ code: typographic }] },
    { value: 'HOST=a“b”', pairs: [['HOST', 'a“b”']], findings: [{ code: typographic, message: /holds “/ }] },
    { value: 'SUBJECT="CN=a “b”"', pairs: [['SUBJECT', 'CN=a “b”', 'quoted']], findings: [{ code: 'POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES' }] },
    { value: 'LOGFORMAT=%t “%r”, LOGFILE=x', pairs: [['LOGFORMAT', '%t “%r”'], ['LOGFILE', 'x']], findings: [{ code: 'POSTERN_WARN_PROFILE_TYPOGRAPHIC_QUOTES', parameter: 'icm/x_0 LOGFORMAT' }] }
  ]
  for (const { value, pairs, findings } of rows) {
    const result = parse(value)
    t.strictSame(result.pairs, pairs, value)
    t.match(result.findings, findings.map(expected => ({ file: 'p', line: 3, ...expected })), value)
    t.equal(result.findings.length, findings.length, value)
    t.ok(result.findings.every(({ severity, code }) => severity === (code.includes('_ERR_') ? 'error' : 'warning')), value)
  }
})

t.test('a kind of fault is reported a few times only, and hides no other', async t => {
  const codes = parse(`${',a'.repeat(1000)}, PORT=1, PORT=2`).findings.map(({ code }) => code)
  t.equal(codes.length, 6, 'an empty part, and five parts without key or twins')
  t.strictSame(new Set(codes), new Set(['POSTERN_WARN_PROFILE_EMPTY_PART', 'POSTERN_ERR_PROFILE_SUB_PARAMETER']))
})

t.test('quoteSubParameter writes what parseSubParameters reads', async t => {
  for (const value of ['', 'a', 'a, b=c', 'a "b" c', 'a\\"b', 'a\\\\b', '“x”']) {
    t.strictSame(parse(`HOST=${quoteSubParameter(value)}`).pairs, [['HOST', value, 'quoted']])
  }
})
