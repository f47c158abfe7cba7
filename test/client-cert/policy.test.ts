import t from 'tap'
import fc from 'fast-check'
import { decisionForLog } from '../../src/client-cert/decision-log.ts'
import { compileTrustRule, decide, isForEverybody, judge, type Decision, type HeaderPolicy, type Inbound } from '../../src/client-cert/policy.ts'

const gatewayNames = { subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' }
const userNames = { subject: 'CN=user, OU=Test, O=Example, C=DE', issuer: 'CN=Issuing CA, O=Example, C=DE' }

const named = compileTrustRule('named', { ...gatewayNames, legacy: false })
const namedLegacy = compileTrustRule('named pair', { ...gatewayNames, legacy: true })
const everybody = compileTrustRule('*/* entry', { subject: '*', issuer: '*', legacy: false })
const everybodyLegacy = compileTrustRule('*/* pair', { subject: '*', issuer: '*', legacy: true })

const base: HeaderPolicy = { forwardClientCertificate: true, trustRules: [], acceptOverHttp: false, untrustedFields: 'conninfo', trustedCertificateAsUser: false }

type Row = { source: string, policy?: Partial<HeaderPolicy>, inbound: Partial<Inbound>, expected: Pick<Decision, 'predecessor' | 'action' | 'add'> & { refusal?: 'duplicate' } }

const http = { transport: 'http', certificate: null } as const
const gateway = { certificate: gatewayNames }
const user = { certificate: userNames }
const present = { fields: 'present' } as const
const misspelt = { fields: 'misspelt' } as const
const reversed = { reversed: true } as const
const trustNamed = { trustRules: [named] }

const keepNothing = { predecessor: 'trusted', action: 'keep', add: 'nothing' } as const
const keepConninfo = { predecessor: 'trusted', action: 'keep', add: 'conninfo' } as const
const keepCertificate = { predecessor: 'trusted', action: 'keep', add: 'certificate' } as const
const removeNothing = { predecessor: 'untrusted', action: 'remove', add: 'nothing' } as const
const removeConninfo = { predecessor: 'untrusted', action: 'remove', add: 'conninfo' } as const
const removeCertificate = { predecessor: 'untrusted', action: 'remove', add: 'certificate' } as const

const rows: Row[] = [
  // spec 4.3, who is trusted
  { source: '4.3 row 1: HTTP, accepted', policy: { acceptOverHttp: true }, inbound: { ...http, ...present }, expected: keepNothing },
  { source: '4.3 row 2: HTTP', inbound: { ...http, ...present }, expected: removeNothing },
  { source: '4.3 row 2: HTTP, trust rules are for HTTPS', policy: { trustRules: [everybodyLegacy] }, inbound: { ...http, ...present }, expected: removeNothing },
  { source: '4.3 rows 3, 5: no certificate, old pair */*', policy: { trustRules: [everybodyLegacy] }, inbound: present, expected: keepNothing },
  { source: '4.3 rows 4, 6: no certificate, nothing configured', inbound: present, expected: removeConninfo },
  { source: '4.3 rows 4, 6: no certificate, a named entry', policy: trustNamed, inbound: present, expected: removeConninfo },
  { source: '4.3 row 3: no certificate, */* as an entry of the new kind', policy: { trustRules: [everybody] }, inbound: present, expected: removeConninfo },
  { source: '4.3 row 7: certificate that matches', policy: trustNamed, inbound: { ...gateway, ...present }, expected: keepNothing },
  { source: '4.3 row 7: certificate that matches the old pair', policy: { trustRules: [namedLegacy] }, inbound: { ...gateway, ...present }, expected: keepNothing },
  { source: '4.3 row 7: one of several entries matches', policy: { trustRules: [compileTrustRule('other', { subject: 'CN=other', issuer: '*', legacy: false }), named] }, inbound: { ...gateway, ...present }, expected: keepNothing },
  { source: '4.3 row 7: any certificate, */* as an entry of the new kind', policy: { trustRules: [everybody] }, inbound: { ...user, ...present }, expected: keepNothing },
  { source: '4.3 row 8: certificate, nothing configured', inbound: { ...gateway, ...present }, expected: removeConninfo },
  { source: '4.3 row 8: certificate that does not match', policy: trustNamed, inbound: { ...user, ...present }, expected: removeConninfo },
  { source: '4.2: the subject alone matches', policy: { trustRules: [compileTrustRule('r', { subject: gatewayNames.subject, issuer: 'CN=Other CA', legacy: false })] }, inbound: { ...gateway, ...present }, expected: removeConninfo },
  { source: '4.2: the issuer alone matches', policy: { trustRules: [compileTrustRule('r', { subject: 'CN=other', issuer: gatewayNames.issuer, legacy: true })] }, inbound: { ...gateway, ...present }, expected: removeConninfo },
  { source: '4.2: subject of one entry, issuer of another', policy: { trustRules: [compileTrustRule('a', { subject: gatewayNames.subject, issuer: 'x', legacy: false }), compileTrustRule('b', { subject: 'x', issuer: gatewayNames.issuer, legacy: false })] }, inbound: { ...gateway, ...present }, expected: removeConninfo },

  // spec 4.4, what happens to the fields
  { source: '4.4 row 1: forwarding off, kept all the same', policy: { ...trustNamed, forwardClientCertificate: false }, inbound: { ...gateway, ...present }, expected: keepNothing },
  { source: '4.4 row 2 and note A: removed, then the cipher fields, no certificate', inbound: { ...user, ...present }, expected: removeConninfo },
  { source: '4.4 rows 2, 5: removed, forwarding off', policy: { forwardClientCertificate: false }, inbound: { ...user, ...present }, expected: removeNothing },
  { source: '4.4 row 3: a user with a certificate', inbound: user, expected: removeCertificate },
  { source: '4.4 row 3: a user where predecessors are configured', policy: trustNamed, inbound: user, expected: removeCertificate },
  { source: '4.4 row 4: a user without a certificate', inbound: {}, expected: removeConninfo },
  { source: '4.4 row 4: without a certificate, old pair */*', policy: { trustRules: [everybodyLegacy] }, inbound: {}, expected: keepConninfo },
  { source: '4.4 row 5: forwarding off, certificate', policy: { forwardClientCertificate: false }, inbound: user, expected: removeNothing },
  { source: '4.4 row 5: forwarding off, no certificate', policy: { forwardClientCertificate: false }, inbound: {}, expected: removeNothing },
  { source: '4.4 row 6: HTTP without fields', inbound: http, expected: removeNothing },
  { source: '4.4 row 6: HTTP without fields, accepted', policy: { acceptOverHttp: true }, inbound: http, expected: keepNothing },
  { source: '4.4 row 7: HTTP with fields, accepted, forwarding off', policy: { acceptOverHttp: true, forwardClientCertificate: false }, inbound: { ...http, ...present }, expected: keepNothing },
  { source: '4.4 row 8: HTTP with fields', policy: { forwardClientCertificate: false }, inbound: { ...http, ...present }, expected: removeNothing },

  // issue, "a gateway's certificate is never written as the user's"
  { source: 'note B: a matching certificate without fields is a gateway\'s', policy: trustNamed, inbound: gateway, expected: keepConninfo },
  { source: 'note B: the same by the old pair', policy: { trustRules: [namedLegacy] }, inbound: gateway, expected: keepConninfo },
  { source: 'note B: the same although */* is there too', policy: { trustRules: [everybodyLegacy, everybody, named] }, inbound: gateway, expected: keepConninfo },
  { source: 'note B: switched', policy: { ...trustNamed, trustedCertificateAsUser: true }, inbound: gateway, expected: keepCertificate },
  { source: 'note B: */* makes nobody a gateway', policy: { trustRules: [everybodyLegacy] }, inbound: user, expected: keepCertificate },
  { source: 'note B: ** is * too', policy: { trustRules: [compileTrustRule('r', { subject: '**', issuer: '*', legacy: false })] }, inbound: user, expected: keepCertificate },
  { source: 'untrusted fields: none', policy: { untrustedFields: 'none' }, inbound: { ...user, ...present }, expected: removeNothing },
  { source: 'untrusted fields: certificate', policy: { untrustedFields: 'certificate' }, inbound: { ...user, ...present }, expected: removeCertificate },
  { source: 'untrusted fields say nothing about requests without fields', policy: { untrustedFields: 'none' }, inbound: user, expected: removeCertificate },

  // note C, spelling
  { source: 'note C: misspelt fields make an intermediary too', inbound: { ...user, ...misspelt }, expected: removeConninfo },
  { source: 'note C: misspelt over HTTP', inbound: { ...http, ...misspelt }, expected: removeNothing },
  { source: 'note C: misspelt only, trusted: nothing is left, so the cipher fields', policy: trustNamed, inbound: { ...gateway, ...misspelt }, expected: keepConninfo },
  { source: 'note C: misspelt only, trusted, as user: an intermediary all the same', policy: { ...trustNamed, trustedCertificateAsUser: true }, inbound: { ...gateway, ...misspelt }, expected: keepConninfo },
  { source: 'note C: misspelt only, HTTP accepted', policy: { acceptOverHttp: true }, inbound: { ...http, ...misspelt }, expected: keepNothing },

  // issue, reverse invoke: a reversed connection's certificate is a gateway's
  { source: 'reversed: a certificate that no rule names', inbound: { ...user, ...reversed }, expected: removeConninfo },
  { source: 'reversed: named by a rule', policy: trustNamed, inbound: { ...gateway, ...reversed }, expected: keepConninfo },
  { source: 'reversed: not the one that the rule names', policy: trustNamed, inbound: { ...user, ...reversed }, expected: removeConninfo },
  { source: 'reversed: believed by the old pair */*', policy: { trustRules: [everybodyLegacy] }, inbound: { ...user, ...reversed }, expected: keepConninfo },
  { source: 'reversed: believed by */* as an entry of the new kind', policy: { trustRules: [everybody] }, inbound: { ...user, ...reversed }, expected: keepConninfo },
  { source: 'reversed: trusted certificates are users\'', policy: { ...trustNamed, trustedCertificateAsUser: true }, inbound: { ...gateway, ...reversed }, expected: keepConninfo },
  { source: 'reversed: untrusted fields: certificate', policy: { untrustedFields: 'certificate' }, inbound: { ...user, ...reversed, ...present }, expected: removeConninfo },
  { source: 'reversed: untrusted fields: none', policy: { untrustedFields: 'none' }, inbound: { ...user, ...reversed, ...present }, expected: removeNothing },
  { source: 'reversed: forwarding off', policy: { forwardClientCertificate: false }, inbound: { ...user, ...reversed }, expected: removeNothing },
  { source: 'reversed: fields of a believed predecessor', policy: trustNamed, inbound: { ...gateway, ...reversed, ...present }, expected: keepNothing },
  { source: 'reversed: two from a believed predecessor', policy: trustNamed, inbound: { ...gateway, ...reversed, ...present, duplicates: true }, expected: { ...keepNothing, refusal: 'duplicate' } },
  { source: 'reversed: misspelt fields of a believed predecessor', policy: trustNamed, inbound: { ...gateway, ...reversed, ...misspelt }, expected: keepConninfo },
  { source: 'reversed: fields of a predecessor that is not believed', inbound: { ...gateway, ...reversed, ...present }, expected: removeConninfo },
  { source: 'reversed without TLS', inbound: { ...http, ...reversed, ...present }, expected: removeNothing },
  { source: 'reversed without TLS, accepted', policy: { acceptOverHttp: true }, inbound: { ...http, ...reversed, ...present }, expected: keepNothing },

  // issue, duplicates
  { source: 'two SSL_CLIENT_CERT from a trusted predecessor', policy: trustNamed, inbound: { ...gateway, ...present, duplicates: true }, expected: { ...keepNothing, refusal: 'duplicate' } },
  { source: 'two over accepted HTTP', policy: { acceptOverHttp: true }, inbound: { ...http, ...present, duplicates: true }, expected: { ...keepNothing, refusal: 'duplicate' } },
  { source: 'two from an untrusted one are removed', inbound: { ...user, ...present, duplicates: true }, expected: removeConninfo }
]

const complete = (inbound: Partial<Inbound>): Inbound => ({ transport: 'https', certificate: null, reversed: false, fields: 'absent', duplicates: false, ...inbound })

t.test('a decision for each case', async t => {
  for (const { source, policy, inbound, expected } of rows) {
    const { predecessor, action, add, refusal, because } = decide({ ...base, ...policy }, complete(inbound))
    t.strictSame({ predecessor, action, add, refusal }, { refusal: null, ...expected }, source)
    t.match(because, /^[^;]+; [^;]+$/, 'with a reason')
  }
})

const rule = fc.constantFrom(named, namedLegacy, everybody, everybodyLegacy, compileTrustRule('no', { subject: 'CN=no', issuer: '*', legacy: true }))
const policies = fc.record<HeaderPolicy>({
  forwardClientCertificate: fc.boolean(),
  trustRules: fc.array(rule, { maxLength: 3 }),
  acceptOverHttp: fc.boolean(),
  untrustedFields: fc.constantFrom('conninfo', 'none', 'certificate'),
  trustedCertificateAsUser: fc.boolean()
})
const inbounds = fc.record<Inbound>({
  transport: fc.constantFrom('http', 'https'),
  certificate: fc.constantFrom(null, gatewayNames, userNames),
  reversed: fc.boolean(),
  fields: fc.constantFrom('absent', 'misspelt', 'present'),
  duplicates: fc.boolean()
}).map(inbound => inbound.transport === 'http' ? { ...inbound, certificate: null } : inbound)

t.test('what holds for every policy and every request', async t => {
  fc.assert(fc.property(policies, inbounds, (policy, inbound) => {
    const { predecessor, action, add, verdict } = decide(policy, inbound)
    const rules: Array<[string, boolean]> = [
      ['only a trusted predecessor\'s fields are kept', (action === 'keep') === (predecessor === 'trusted')],
      ['nothing is added over HTTP', inbound.transport === 'https' || add === 'nothing'],
      ['nothing is added if forwarding is off', policy.forwardClientCertificate || add === 'nothing'],
      ['who sends fields never has its certificate written, unless switched', inbound.fields === 'absent' || add !== 'certificate' || policy.untrustedFields === 'certificate'],
      ['a gateway\'s certificate is never written, unless switched', !verdict.gateway || add !== 'certificate' || policy.trustedCertificateAsUser],
      ['the certificate of a reversed connection is never written, whatever is switched', !inbound.reversed || add !== 'certificate'],
      ['a predecessor is judged alike on both kinds of connection', predecessor === decide(policy, { ...inbound, reversed: !inbound.reversed }).predecessor],
      ['kept fields and own ones never meet', !(action === 'keep' && inbound.fields === 'present') || add === 'nothing'],
      ['without rules nobody is trusted over HTTPS', policy.trustRules.length > 0 || inbound.transport === 'http' || predecessor === 'untrusted']
    ]
    return rules.every(([, holds]) => holds)
  }), { numRuns: 3000 })
})

t.test('the log says which rule, which names, and where they differ', async t => {
  const typo = compileTrustRule('icm/trusted_reverse_proxy_0', { subject: 'CN=wd, OU=Gateway, O=Exemple, C=DE', issuer: gatewayNames.issuer, legacy: false })
  const far = compileTrustRule('icm/trusted_reverse_proxy_1', { subject: 'CN=x', issuer: '*', legacy: false })
  const wrongIssuer = compileTrustRule('pair', { subject: '*', issuer: 'CN=Issuing CB, *', legacy: true })
  const log = (trustRules: HeaderPolicy['trustRules']) => decisionForLog(decide({ ...base, trustRules }, complete({ ...gateway, ...present })))
  const expected = {
    predecessor: 'untrusted',
    because: 'the certificate differs from icm/trusted_reverse_proxy_0 in its subject; its fields are removed',
    rule: 'icm/trusted_reverse_proxy_0',
    part: 'subject',
    dnSeen: gatewayNames.subject,
    dnExpected: 'CN=wd, OU=Gateway, O=Exemple, C=DE',
    position: 24,
    seen: 'a',
    expected: 'e'
  }
  t.strictSame(log([typo]), expected)
  t.strictSame(log([far, typo]), expected, 'of several rules the nearest')
  t.strictSame(log([typo, far]), expected)
  t.match(log([typo, wrongIssuer]), { rule: 'pair', part: 'issuer', dnSeen: gatewayNames.issuer, position: 13, seen: 'A', expected: 'B' }, 'a matching subject is nearer')
  t.strictSame(log([]), { predecessor: 'untrusted', because: 'no trusted predecessor is configured; its fields are removed', rule: null, ...gatewayNames }, 'without a rule both names')
  const whole = { ...gatewayNames, der: Buffer.from('a certificate') }
  t.strictSame(judge({ trustRules: [], acceptOverHttp: false }, { transport: 'https', certificate: whole }).unmatched, gatewayNames, 'and nothing else of the certificate')
  t.strictSame(log([named]), { predecessor: 'trusted', because: 'the certificate matches named; its fields are kept', rule: 'named' })
})

t.test('everybody is * for both names', async t => {
  t.ok(isForEverybody(everybody))
  t.notOk(isForEverybody(compileTrustRule('r', { subject: '*', issuer: 'CN=CA', legacy: false })))
  t.notOk(isForEverybody(compileTrustRule('r', { subject: 'CN=wd', issuer: '*', legacy: false })))
  t.notOk(judge({ trustRules: [everybody], acceptOverHttp: false }, { transport: 'https', certificate: userNames }).gateway)
})
