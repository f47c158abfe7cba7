import t from 'tap'
import { brief, planOfLines } from '../../helpers/profile-plan.ts'

t.test('without a list nothing is checked, and files are watched', async t => {
  const { plan, findings } = planOfLines([])
  t.same(plan?.revocation, { policy: 'off', lists: [] })
  t.same(plan?.renewal, { intervalMs: 10_000, warningDays: 30 })
  t.same(findings, [])
})

t.test('lists count from SECUDIR, in their order, and make the policy soft', async t => {
  const { plan, findings } = planOfLines(['postern/crl_0 = crls', 'postern/crl_1 = /etc/ssl/users.crl', 'postern/reload_interval = 0', 'postern/expiry_warning = 7'], { secudir: '/sec' })
  t.match(plan?.revocation, { policy: 'soft', lists: [{ path: '/sec/crls', parameter: 'postern/crl_0' }, { path: '/etc/ssl/users.crl', parameter: 'postern/crl_1', origin: { file: 'test.pfl', line: 4 } }] })
  t.same(plan?.renewal, { intervalMs: 0, warningDays: 7 })
  t.same(findings, [])
})

t.test('hard is said; lists that off leaves unused are warned of; a check without lists is none', async t => {
  t.match(planOfLines(['postern/crl_policy = hard', 'postern/crl_0 = crls']).plan?.revocation, { policy: 'hard', lists: [{}] })
  const off = planOfLines(['postern/crl_policy = off', 'postern/crl_0 = crls'])
  t.same(off.plan?.revocation, { policy: 'off', lists: [] })
  t.same(brief(off.findings), ['WARN_PLAN_CRL_UNUSED postern/crl_0'])
  t.same(brief(planOfLines(['postern/crl_policy = off']).findings), [])
  for (const policy of ['soft', 'hard']) {
    const alone = planOfLines([`postern/crl_policy = ${policy}`])
    t.same(brief(alone.findings), ['ERR_PLAN_CRL_POLICY postern/crl_policy'])
    t.equal(alone.plan, null)
  }
})
