import { mock } from 'node:test'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { certificatesInUse, daysUntil } from '../../src/gateway/expiry.ts'
import type { Identity } from '../../src/pse/identity.ts'
import { ExpiryReport } from '../../src/gateway/expiry-report.ts'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { identityOf } from '../helpers/identity.ts'
import { logSink } from '../helpers/log-sink.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const day = 24 * 60 * 60 * 1000
const now = new Date('2026-06-15T12:00:00Z')
const inDays = (days: number): Date => new Date(now.getTime() + days * day)

const pki = await mintPki(t)
const issue = async (subject: string, days: number, issuer: Issued | null = pki.intermediate): Promise<Issued> =>
  await pki.issue({ subject, issuer, ca: issuer === null, notBefore: inDays(-100), notAfter: inDays(days) })

const [own, soon, expired, late] = [await issue('CN=own', 20.5), await issue('CN=soon', 5, null), await issue('CN=expired', -2, null), await issue('CN=late', 400, null)]
const plan = {
  identities: {
    '/a.pem': { file: '/a.pem', pin: [], additionalTrust: [], parameter: 'ssl/server_pse', origin: { file: null, line: null } },
    '/unloaded.pem': { file: '/unloaded.pem', pin: [], additionalTrust: [], parameter: 'ssl/client_pse', origin: { file: null, line: null } }
  },
  renewal: { intervalMs: 0, warningDays: 30 }
}
const identities: ReadonlyMap<string, Identity> = new Map([['/a.pem', { ...identityOf(own, [late, expired, soon]), chain: [soon.der] }]])

t.test('the certificates in use, each once, what expires soonest first', async t => {
  t.match(certificatesInUse(plan, identities), [
    { identity: '/a.pem', parameter: 'ssl/server_pse', kind: 'trusted', subject: 'CN=expired' },
    { kind: 'chain', subject: 'CN=soon' },
    { kind: 'own', subject: 'CN=own' },
    { kind: 'trusted', subject: 'CN=late' }
  ])
  t.equal(certificatesInUse(plan, identities).length, 4)
  t.strictSame([20.5, 1, 0.5, 0, -0.5, -2].map(days => daysUntil(inDays(days), now)), [20, 1, 0, 0, -1, -2])
})

function build (t: Test, { warningDays = 30, lists = [] as RevocationList[], more = identities } = {}) {
  const sink = logSink()
  const metrics = new Registry()
  const revocation = new RevocationLists({ policy: 'soft', lists, onUnknown: () => {} })
  const report = new ExpiryReport({ plan: { ...plan, renewal: { intervalMs: 0, warningDays } }, identities: more, revocation, metrics, logger: sink.logger, now: () => now })
  t.teardown(() => { report.stop() })
  return { ...sink, metrics, report }
}

t.test('what is below the threshold is warned of, now and once a day', async t => {
  const { report, records } = build(t)
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => { mock.timers.reset() })
  report.start()
  const expected = [
    { level: 40, msg: 'certificate has expired', identity: '/a.pem', parameter: 'ssl/server_pse', kind: 'trusted', subject: 'CN=expired', days: -2 },
    { msg: 'certificate expires soon', subject: 'CN=soon', days: 5 },
    { msg: 'certificate expires soon', subject: 'CN=own', days: 20 }
  ]
  t.match(records, expected)
  t.equal(records.length, 3)
  mock.timers.tick(day - 1)
  t.equal(records.length, 3)
  mock.timers.tick(1)
  t.match(records, [...expected, ...expected])
  report.stop()
  mock.timers.tick(2 * day)
  t.equal(records.length, 6)
})

t.test('with a threshold of 0 only what has expired is warned of', async t => {
  const { report, records } = build(t, { warningDays: 0 })
  report.warn()
  t.match(records, [{ subject: 'CN=expired' }])
  t.equal(records.length, 1)
})

t.test('many certificates make few lines and few series', async t => {
  const certificate = (number: number): Buffer => parts[number % parts.length]!.der
  const parts = await Promise.all(Array.from({ length: 105 }, async (_, index) => await issue(`CN=${index}`, 1 + index / 1000, null)))
  const { report, records, metrics } = build(t, { more: new Map([['/a.pem', { ...identityOf(null, []), trusted: parts.map((_, index) => certificate(index)) }]]) })
  report.warn()
  t.equal(records.length, 21)
  t.match(records.at(-1), { msg: 'more certificates expire soon', certificates: 105, listed: 20 })
  t.equal(report.snapshot().certificates.length, 100)
  t.equal([...(await metrics.metrics()).matchAll(/^postern_certificate_expiry_seconds\{/gm)].length, 100)
})

t.test('numbers, and the health endpoint; they follow a renewal', async t => {
  const renewed = await issue('CN=own', 90)
  const live = new Map(identities)
  const list = new RevocationList(mintCrl({ issuer: pki.intermediate, revoked: [{ certificate: own }], thisUpdate: inDays(-10), nextUpdate: inDays(-1) }), '/users.crl')
  const endless = new RevocationList(mintCrl({ issuer: pki.root, nextUpdate: null, thisUpdate: inDays(-10) }), '/root.crl')
  const { report, metrics, records } = build(t, { lists: [list, endless], more: live })
  const text = await metrics.metrics()
  t.match(text, 'postern_certificate_expiry_seconds{identity="/a.pem",kind="own",subject="CN=own"} 1771200')
  t.match(text, 'kind="trusted",subject="CN=expired"} -172800')
  t.match(text, 'postern_crl_next_update_seconds{file="/users.crl",issuer="CN=Issuing CA, O=Example, C=DE"} -86400')
  t.notMatch(text, 'root.crl')
  t.match(report.snapshot(), {
    certificates: [{ subject: 'CN=expired', days: -2 }, { subject: 'CN=soon', days: 5 }, { identity: '/a.pem', kind: 'own', subject: 'CN=own', days: 20 }, {}],
    revocationLists: [{ file: '/users.crl', revoked: 1, nextUpdate: inDays(-1), problem: /./ }, { file: '/root.crl', problem: /./ }]
  })
  report.warn()
  t.match(records.filter(({ msg }) => msg === 'revocation list clears nobody'), [{ file: '/users.crl', issuer: /Issuing CA/ }, { file: '/root.crl' }])
  live.set('/a.pem', { ...identityOf(renewed, []), chain: [] })
  t.notMatch(await metrics.metrics(), 'CN=expired')
  t.match(report.snapshot().certificates, [{ subject: 'CN=own', days: 90 }])
})

t.test('of certificates with the same name the first that expires is shown', async t => {
  const { metrics } = build(t, { more: new Map([['/a.pem', identityOf(null, [await issue('CN=twice', 50, null), await issue('CN=twice', 10, null)])]]) })
  t.match(await metrics.metrics(), 'subject="CN=twice"} 864000')
})
