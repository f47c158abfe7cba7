import t from 'tap'
import { brief, planOfLines } from '../../helpers/profile-plan.ts'
import type { PlanContext } from '../../../src/gateway/plan-from-profile.ts'

const server = '/etc/postern/sec/SAPSSLS.pse'
const usualPin = [{ from: 'none' }, { from: 'cred_v2', user: null }]

function identitiesOf (...lines: string[]) {
  const { plan, findings } = planOfLines(lines)
  return { identities: plan?.identities, findings: brief(findings) }
}

t.test('an identity is known by its file, and remembers who named it first', async t => {
  const { identities } = identitiesOf('icm/server_port_1 = PROT=HTTPS, PORT=8444', 'wdisp/ssl_cred = SAPSSLS.pse', 'icm/HTTPS/forward_ccert_as_header = TRUE')
  t.strictSame(identities, { [server]: { file: server, pin: usualPin, additionalTrust: [], parameter: 'icm/server_port_0', origin: { file: 'test.pfl', line: 1 } } })
})

t.test('PINs come from cred_v2, a file or the environment', async t => {
  const rows: Array<{ lines: string[], pin: unknown }> = [
    { lines: ['postern/cred_user = wdpadm'], pin: [{ from: 'none' }, { from: 'cred_v2', user: 'wdpadm' }] },
    { lines: ['postern/pin_0 = PSE=SAPSSLS.pse, FILE=pin'], pin: [{ from: 'file', file: '/etc/postern/sec/pin' }] },
    { lines: [`postern/pin_0 = PSE=${server}, ENV=PIN`], pin: [{ from: 'environment', variable: 'PIN' }] },
    { lines: ['postern/pin_1 = PSE=SAPSSLS.pse, ENV=PIN', 'postern/pin_0 = PSE=./SAPSSLS.pse, FILE=/run/pin'], pin: [{ from: 'file', file: '/run/pin' }, { from: 'environment', variable: 'PIN' }] }
  ]
  for (const { lines, pin } of rows) {
    const { identities, findings } = identitiesOf(...lines)
    t.strictSame(findings, [])
    t.strictSame(identities?.[server]?.pin, pin, lines.join('; '))
  }
  t.strictSame(identitiesOf('postern/pin_0 = PSE=SAPSSLS.pse').findings, ['ERR_PLAN_PIN postern/pin_0'])
  t.strictSame(identitiesOf('postern/pin_0 = PSE=SAPSSLS.pse, FILE=a, ENV=B').findings, ['ERR_PLAN_PIN postern/pin_0'])
})

t.test('trust lists gain certificates', async t => {
  const { identities, findings } = identitiesOf('postern/trust_1 = PSE=SAPSSLS.pse, CERTS=/etc/cas', 'postern/trust_0 = PSE=SAPSSLS.pse, CERTS=ca.pem')
  t.strictSame(findings, [])
  t.strictSame(identities?.[server]?.additionalTrust, ['/etc/postern/sec/ca.pem', '/etc/cas'])
})

t.test('what belongs to no identity is warned about', async t => {
  t.strictSame(identitiesOf('postern/trust_0 = PSE=other.pse, CERTS=a', 'postern/pin_0 = PSE=other.pse, ENV=A').findings, ['WARN_PLAN_UNUSED_IDENTITY postern/pin_0 PSE', 'WARN_PLAN_UNUSED_IDENTITY postern/trust_0 PSE'])
})

t.test('relative names count from SECUDIR', async t => {
  const rows: Array<{ lines: string[], context?: Partial<PlanContext>, secudir: string }> = [
    { lines: [], secudir: '/etc/postern/sec' },
    { lines: ['DIR_INSTANCE = /usr/sap/WDP/W10'], secudir: '/usr/sap/WDP/W10/sec' },
    { lines: ['DIR_INSTANCE = instance'], secudir: '/etc/postern/instance/sec' },
    { lines: ['DIR_INSTANCE = /usr/sap'], context: { env: { SECUDIR: '/env' } }, secudir: '/env' },
    { lines: ['DIR_INSTANCE = /usr/sap'], context: { env: { SECUDIR: '' } }, secudir: '/usr/sap/sec' },
    { lines: ['SETENV_07 = SECUDIR=/profile'], context: { env: { SECUDIR: '/env' } }, secudir: '/profile' },
    { lines: ['SETENV_07 = SECUDIR=/profile'], context: { secudir: '/argument' }, secudir: '/argument' }
  ]
  for (const { lines, context = {}, secudir } of rows) t.ok(Object.keys(planOfLines(lines, context).plan?.identities ?? {}).includes(`${secudir}/SAPSSLS.pse`), `${lines.join('; ')}: ${secudir}`)
})
