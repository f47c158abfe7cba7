/**
 * Profiles as people write them, each with what the language makes of it. A fixture is the profile, a line of dashes, the parameters with
 * their sub-parameters, a line of dashes, the findings.
 */
import t from 'tap'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findingCodes } from '../../src/profile/finding-codes.ts'
import type { Finding } from '../../src/profile/finding.ts'
import { lintNameText } from '../../src/profile/name-text.ts'
import { readProfile } from '../../src/profile/read.ts'
import { findingsToText } from '../../src/profile/report.ts'
import { parseSubParameters } from '../../src/profile/sub-parameters.ts'

const fixtures = join(import.meta.dirname, '../fixtures/profile-language')
const separator = '--------\n'
const keys = ['PROT', 'PORT', 'HOST', 'TIMEOUT', 'SUBJECT', 'ISSUER', 'PREFIX', 'LOGFILE', 'LOGFORMAT', 'SID', 'MSHOST', 'MSPORT', 'EXTSRV', 'SRCURL', 'SRCSRV', 'SRCVHOST', 'TO']
const names = new Set(['SUBJECT', 'ISSUER'])

function run (text: string): { output: string, findings: Finding[] } {
  const { parameters, findings, environment } = readProfile([{ file: 'wd.pfl', text }], [], { hostname: 'wd', fullHostname: 'wd.example.com', env: { HOME: '/home/wd' } })
  const lines: string[] = []
  for (const parameter of parameters.values()) {
    lines.push(`${parameter.name} = ${parameter.value}`)
    if (!/^(?:icm|wdisp)\/.*_\d+$/.test(parameter.name)) continue
    const parsed = parseSubParameters(parameter, { keys, toEnd: ['LOGFORMAT'] })
    findings.push(...parsed.findings)
    for (const { key, value } of parsed.pairs) {
      lines.push(`    ${key}: ${value}`)
      if (names.has(key)) findings.push(...lintNameText({ ...parameter.origin, parameter: `${parameter.name} ${key}` }, value))
    }
  }
  for (const [name, value] of environment) lines.push(`environment ${name}: ${value}`)
  return { output: `${lines.join('\n')}\n${separator}${findingsToText(findings)}`, findings }
}

/** These need more than a text. Other tests show them. */
const elsewhere = new Set(['POSTERN_ERR_PROFILE_FILE', 'POSTERN_ERR_PROFILE_ENCODING', 'POSTERN_WARN_PROFILE_ENCODING', 'POSTERN_ERR_PROFILE_LIMIT'])
const seen = new Set<string>()

for (const name of readdirSync(fixtures)) {
  t.test(name, async t => {
    const [profile, ...rest] = readFileSync(join(fixtures, name), 'utf8').split(separator)
    const { output, findings } = run(profile!)
    // UPDATE_GOLDEN=1 writes what there is instead of comparing
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(join(fixtures, name), `${profile!}${separator}${output}`)
    else t.equal(output, rest.join(separator))
    for (const { code } of findings) seen.add(code)
  })
}

t.test('the fixtures show every finding that a text can give', async t => {
  t.strictSame(Object.keys(findingCodes).filter(code => !seen.has(code) && !elsewhere.has(code)), [])
})
