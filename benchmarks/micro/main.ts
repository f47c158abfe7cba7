/**
 * Times single functions that run per request or per start: `node benchmarks/micro/main.ts`. Prints nanoseconds per call, the best of
 * several rounds; for comparing before and after a change on one machine.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scanFields } from '../../src/client-cert/field-list.ts'
import { defaultFieldNames, ManagedFields } from '../../src/client-cert/managed-fields.ts'
import { compileTrustRule, decide, type HeaderPolicy } from '../../src/client-cert/policy.ts'
import { readProfile } from '../../src/profile/read.ts'
import { compileNamePattern } from '../../src/x509/name-pattern.ts'

const ROUNDS = 7
const ROUND_MS = 150

/** Results are added up and printed, so that no call can be optimised away. */
let sink = 0

function time (name: string, call: () => number): void {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    let calls = 0
    for (; performance.now() - started < ROUND_MS; calls += 16) {
      for (let i = 0; i < 16; i++) sink += call()
    }
    best = Math.min(best, (performance.now() - started) / calls)
  }
  console.log(`${(best * 1e6).toFixed(0).padStart(10)} ns  ${name}`)
}

const managed = new ManagedFields(defaultFieldNames, ['sap'])
const browser = [
  'Host', 'portal.example', 'Connection', 'keep-alive', 'User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'Accept', 'text/html,*/*;q=0.8',
  'Accept-Language', 'de,en;q=0.5', 'Accept-Encoding', 'gzip, deflate, br', 'Cookie', `MYSAPSSO2=${'A'.repeat(800)}`, 'Sec-Fetch-Dest', 'document',
  'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Site', 'same-origin', 'X-Requested-With', 'XMLHttpRequest', 'x-csrf-token', 'fetch'
]
const forged = [...browser, 'SSL_CLIENT_CERT', 'forged', 'ssl-client-cert', 'forged', 'Client-Cert', ':Zm9yZ2Vk:']

const dn = 'CN=wd-dmz, OU=Gateway, O=Example, C=DE'
const issuer = 'CN=Example CA, O=Example, C=DE'
const policy: HeaderPolicy = {
  forwardClientCertificate: true,
  trustRules: Array.from({ length: 10 }, (_, i) => compileTrustRule(`rule ${i}`, { subject: `CN=wd-${i}*, O=Example, C=DE`, issuer, legacy: false })),
  acceptOverHttp: false,
  untrustedFields: 'conninfo',
  trustedCertificateAsUser: false
}
const inbound = { transport: 'https', certificate: { subject: dn, issuer }, reversed: false, fields: 'present', duplicates: false } as const
const pattern = compileNamePattern('CN=*, OU=*, O=Example, C=??')

const sources = [{ file: 'profile', text: readFileSync(join(import.meta.dirname, '../../profiles/terminate-and-reencrypt.pfl'), 'utf8') }]
const lines = Array.from({ length: 500 }, (_, i) => `wdisp/system_${i} = SID=S${i}, EXTSRV=$(_SCHEME)://host${i}:44300, SRCSRV=*:*, SRCURL=/s${i}`)
const large = [{ file: 'profile', text: `_SCHEME = https\n${lines.join('\n')}\n` }]
const context = { hostname: 'host', fullHostname: 'host.example' }

time('header policy: a list of 12 fields, none of them managed', () => scanFields(browser, managed).touched ? 1 : 0)
time('header policy: the same with three forged fields', () => scanFields(forged, managed).touched ? 1 : 0)
time('header policy: judge a certificate by ten rules and decide', () => decide(policy, inbound).because.length)
time('name pattern with three wildcards', () => pattern.matches(dn) ? 1 : 0)
time('profile: terminate-and-reencrypt.pfl', () => readProfile(sources, [], context).parameters.size)
time('profile: 500 systems', () => readProfile(large, [], context).parameters.size)
console.log(`(${sink} results)`)
