import t from 'tap'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { TSchema } from 'typebox'
import { AccessLogOptionsSchema } from '../../plugins/access-log.ts'
import { ClientCertHeadersOptionsSchema } from '../../plugins/client-cert-headers.ts'
import { ErrorPagesOptionsSchema } from '../../plugins/error-pages.ts'
import { ForwardOptionsSchema } from '../../plugins/forward.ts'
import { RedirectOptionsSchema } from '../../plugins/redirect.ts'
import { StrictTransportSecurityOptionsSchema } from '../../plugins/strict-transport-security.ts'
import { knownParameters } from '../../src/gateway/plan-from-profile.ts'
import { checkOptions } from '../../src/options.ts'
import { findingsToText } from '../../src/profile/report.ts'
import { planOfText } from '../helpers/profile-plan.ts'

const root = join(import.meta.dirname, '../..')
const fixtures = join(root, 'test/fixtures/profiles')
const line = '-'.repeat(80)

const schemas: Readonly<Record<string, TSchema>> = {
  'client-cert-headers': ClientCertHeadersOptionsSchema,
  'error-pages': ErrorPagesOptionsSchema,
  'access-log': AccessLogOptionsSchema,
  'strict-transport-security': StrictTransportSecurityOptionsSchema,
  redirect: RedirectOptionsSchema,
  forward: ForwardOptionsSchema
}

/** `UPDATE_GOLDEN=1` writes the expectations anew; look at the difference before you commit it. */
const update = process.env['UPDATE_GOLDEN'] === '1'

function expectation (text: string): string {
  const { plan, findings } = planOfText(text)
  return [text.trimEnd(), line, findingsToText(findings).trimEnd(), ...plan === null ? [] : [line, JSON.stringify(plan, null, 2)], ''].join('\n')
}

t.test('golden profiles: the findings and the plan are as written down', async t => {
  const files = readdirSync(fixtures).filter(file => file.endsWith('.txt'))
  t.ok(files.length > 8)
  for (const file of files) {
    const golden = readFileSync(join(fixtures, file), 'utf8')
    const made = expectation(golden.split(`\n${line}\n`)[0] as string)
    if (update) writeFileSync(join(fixtures, file), made)
    else t.equal(made, golden, file)
  }
})

t.test('each profile in profiles/ has a golden plan', async t => {
  for (const file of readdirSync(join(root, 'profiles')).filter(file => file.endsWith('.pfl'))) {
    const text = readFileSync(join(root, 'profiles', file), 'utf8')
    const path = join(fixtures, `${file}.txt`)
    if (update) writeFileSync(path, expectation(text))
    else t.equal(expectation(text), readFileSync(path, 'utf8'), file)
    t.not(planOfText(text).plan, null, `${file} can be started`)
  }
})

t.test('the plan is plain JSON', async t => {
  for (const file of readdirSync(join(root, 'profiles')).filter(file => file.endsWith('.pfl'))) {
    const { plan } = planOfText(readFileSync(join(root, 'profiles', file), 'utf8'))
    t.strictSame(JSON.parse(JSON.stringify(plan)), plan)
  }
})

t.test('the options of a plan are those of its plugins', async t => {
  const plans = readdirSync(fixtures).filter(file => file.endsWith('.txt')).map(file => planOfText(readFileSync(join(fixtures, file), 'utf8').split(`\n${line}\n`)[0] as string).plan)
  const seen = new Set<string>()
  for (const { plugin, options } of plans.flatMap(plan => plan?.listeners ?? []).flatMap(({ plugins }) => plugins)) {
    const schema = schemas[plugin]
    if (schema !== undefined) t.match(checkOptions(plugin, schema, options), options, plugin)
    seen.add(plugin)
  }
  t.strictSame([...seen].filter(plugin => schemas[plugin] === undefined).toSorted(), ['dispatch', 'external', 'tls-termination'], 'the others have options that are no JSON')
})

t.test('every known parameter can be set as its example shows', async t => {
  for (const { name, example } of knownParameters) {
    const { findings } = planOfText(example)
    const codes = findings.filter(({ parameter }) => parameter?.startsWith(example.split(' ')[0] as string)).map(({ code }) => code)
    t.notOk(codes.some(code => /PROFILE_(?:VALUE|UNKNOWN|MISSING|SUB_PARAMETER|QUOTES|EMPTY)/.test(code)), `${name}: ${codes.join(' ')}`)
  }
})

t.test('any set of parameters gives a plan or an error, never an exception', async t => {
  const names = knownParameters.map(({ name }) => name.replace('<xx>', '0').replace('*', 'x'))
  const keys = [...new Set(knownParameters.flatMap(schema => schema.kind === 'structured' ? Object.keys(schema.keys) : []))]
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }), fc.integer().map(String),
    fc.constantFrom('TRUE', '*', '-1', '0', '1', '2', 'HTTPS', 'ROUTER', 'http', '443', 'https://a:1;http://[::1]:2', '*:*', '/', '"', 'CN=a,O=b', 'x.pse', '135:PFS:HIGH::EC_P256', '999:!x', 'ssl_config_0')
  )
  const structured = fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 6 }).map(pairs => pairs.map(([key, text]) => `${key}=${text}`).join(', '))
  const profile = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 12 })), fc.oneof(value, structured)), { maxLength: 12 })
    .map(lines => lines.map(([name, text]) => `${name} = ${text}`).join('\n'))
  fc.assert(fc.property(profile, text => {
    const { plan, findings } = planOfText(text)
    return (plan === null) === findings.some(({ severity }) => severity === 'error')
  }), { numRuns: 600 })
})

t.test('each accepted value of a sub-parameter survives in a profile that uses it', async t => {
  const port = fc.record({ PROT: fc.constantFrom('HTTP', 'HTTPS', 'ROUTER'), PORT: fc.integer({ min: 1, max: 65535 }), TIMEOUT: fc.constantFrom(-1, 0, 10, 32000), PROCTIMEOUT: fc.constantFrom(-1, 1, 9_999_999) })
  fc.assert(fc.property(port, ({ PROT, PORT, TIMEOUT, PROCTIMEOUT }) => {
    const { plan } = planOfText(`icm/server_port_7 = PROT=${PROT}, PORT=${PORT}, TIMEOUT=${TIMEOUT}, PROCTIMEOUT=${PROCTIMEOUT}\nwdisp/system_0 = SID=ABC, EXTSRV=https://a.example`)
    const listener = plan?.listeners[0]
    return listener?.port === PORT && listener.protocol === PROT && (listener.keepAliveTimeoutMs === null) === (TIMEOUT === -1) &&
      (listener.processingTimeoutMs ?? 0) <= 2_147_483_647 && (listener.processingTimeoutMs === null) === (PROCTIMEOUT === -1)
  }), { numRuns: 100 })
})
