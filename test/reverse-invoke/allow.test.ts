import t from 'tap'
import { AllowRules } from '../../src/reverse-invoke/allow.ts'
import { parseEndpoint } from '../../src/reverse-invoke/endpoint.ts'

const issuer = 'CN=Issuing CA, O=Example, C=DE'
const inner = { subject: 'CN=inner, OU=Gateway, O=Example, C=DE', issuer }
const endpoints = (...texts: string[]) => texts.map(text => parseEndpoint(text)!)
const rule = (subject: string, ...list: string[]) => ({ subject, issuer, endpoints: list })

t.test('one rule fits the certificate, and its endpoints are allowed', async t => {
  const rules = new AllowRules([rule('CN=inner, *', 'App.inner:443', 'ms.inner:*', '[2001:db8::1]:*')])
  t.equal(rules.judge(inner, endpoints('app.inner:443', 'ms.inner:8100', 'ms.inner:8101', '[2001:db8::1]:1')).refused, null)
  t.same(rules.judge(inner, endpoints('app.inner:443', 'app.inner:444', 'x.inner:1')), {
    refused: { host: 'app.inner', port: 444 }, mismatch: null, because: 'allow rule 0: the endpoint is not in the list'
  }, 'all or nothing')
})

t.test('blanks behind commas are free, case counts, and an escaped comma is part of a value', async t => {
  const fits = (subject: string) => new AllowRules([rule(subject, 'a:1')]).judge(inner, endpoints('a:1')).refused === null
  t.ok(fits('CN=inner,OU=Gateway,O=Example,C=DE'))
  t.ok(fits('CN=inne?, OU=*'))
  t.notOk(fits('cn=inner, OU=Gateway, O=Example, C=DE'))
  t.notOk(fits('CN=inner\\, OU=Gateway, *'))
})

t.test('the endpoints of all fitting rules add up, those of others do not', async t => {
  const rules = new AllowRules([rule('CN=inner, *', 'a:1'), rule('CN=outer, *', 'c:1'), rule('*', 'b:1')])
  t.equal(rules.judge(inner, endpoints('a:1', 'b:1')).refused, null)
  t.same(rules.judge(inner, endpoints('c:1')).refused, { host: 'c', port: 1 })
})

t.test('the log hears where the certificate leaves the nearest rule', async t => {
  const rules = new AllowRules([{ ...rule('CN=inner, OU=Gateway, *', 'a:1'), issuer: 'CN=Other CA, *', name: 'postern/ri/allow_0' }, rule('CN=x', 'a:1')])
  t.same(rules.judge(inner, endpoints('a:1')).mismatch, { rule: 'postern/ri/allow_0', part: 'issuer', dnSeen: issuer, dnExpected: 'CN=Other CA, *', position: 4, seen: 'I', expected: 'O' })
  t.same(new AllowRules([rule('CN=inn, *', 'a:1'), rule('X', 'a:1')]).judge(inner, endpoints('a:1')).mismatch,
    { rule: 'allow rule 0', part: 'subject', dnSeen: inner.subject, dnExpected: 'CN=inn, *', position: 7, seen: 'e', expected: ',' })
})

t.test('without a rule, and without a certificate, nobody registers; except by a rule for everybody', async t => {
  t.match(new AllowRules([]).judge(inner, endpoints('a:1')), { refused: { host: 'a' }, because: 'there is no allow rule' })
  t.match(new AllowRules([rule('*', 'a:1')]).judge(null, endpoints('a:1')), { refused: { host: 'a' }, because: /without TLS/ })
  t.equal(new AllowRules([{ subject: '*', issuer: '*', endpoints: ['a:1'] }]).judge(null, endpoints('a:1')).refused, null)
})

for (const text of ['a', 'a:', '*:*', '*:1', ':1', 'a:0', 'a:65536', 'a:b', 'http://a:1']) {
  t.test(`${text} is no endpoint of a rule`, async t => {
    t.throws(() => new AllowRules([rule('*', text)]), { code: 'POSTERN_ERR_OPTIONS_INVALID' })
  })
}
