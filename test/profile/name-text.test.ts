import t from 'tap'
import { lintNameText } from '../../src/profile/name-text.ts'

const place = { file: 'p', line: 1, parameter: 'icm/trusted_reverse_proxy_0 SUBJECT' }

function lint (text: string): Array<[string, string | null]> {
  const findings = lintNameText(place, text)
  t.match(findings, findings.map(() => ({ severity: 'warning', ...place })))
  return findings.map(({ message, expected }) => [message, expected])
}

t.test('names as SAP prints them, and patterns, give no findings', async t => {
  for (const text of [
    'CN=WDP, OU=SSL CLIENT, O=SAP, C=BR',
    'EMAIL=ca@example.com, O=Example CA, L=City, SP=State, C=BR',
    '*', '', 'CN=*, C=DE', '?N=x, *', 'CN=a\\,b, O=c', 'CN=a\\', 'C=DE', 'CN=O’Brien', 'DC=example, DC=com', 'CN=x, *DE', '1.2.3=x'
  ]) t.strictSame(lint(text), [], text)
})

t.test('other spellings are reported with the name as it should read', async t => {
  const blank = 'a blank is missing after a comma of the distinguished name'
  const order = 'the distinguished name begins with its least specific part'
  const rows: Array<[text: string, ...findings: Array<[string | RegExp, string]>]> = [
    ['CN=WDP,OU=SSL CLIENT, O=SAP,C=BR', [blank, '"CN=WDP, OU=SSL CLIENT, O=SAP, C=BR"']],
    ['CN=a\\,b,O=c', [blank, '"CN=a\\,b, O=c"']],
    ['CN=x,*', [blank, '"CN=x, *"']],
    ['CN=x, ST=y, C=DE', [/attribute ST .* as SP$/, 'SP=...']],
    ['emailAddress=a@b, E=c', [/emailAddress .* as EMAIL$/, 'EMAIL=...'], [/attribute E .* as EMAIL$/, 'EMAIL=...']],
    ['cn=x, C=DE', [/attribute cn .* as CN$/, 'CN=...']],
    ['OU=a, ou=b, ou=c', [/attribute ou .* as OU$/, 'OU=...']],
    ['C=DE, O=Example, CN=wd', [order, '"CN=wd, O=Example, C=DE"']],
    ['DC=com,DC=example,CN=wd', [blank, '"DC=com, DC=example, CN=wd"'], [order, '"CN=wd, DC=example, DC=com"']],
    ['"CN=wd"', [/" \(U\+0022\), which counts as part of it/, 'the name without quotes']],
    ['“CN=wd”', [/“ \(U\+201C, left double quotation mark\)/, 'the name without quotes']]
  ]
  for (const [text, ...findings] of rows) {
    const seen = lint(text)
    t.match(seen, findings, text)
    t.equal(seen.length, findings.length, text)
  }
})
