import t from 'tap'
import { brief, planOfText } from '../../helpers/profile-plan.ts'

const entry = 'icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd, O=Example, C=DE", ISSUER="CN=CA, O=Example, C=DE"'
const forward = 'icm/HTTPS/forward_ccert_as_header = TRUE'
const https = 'icm/server_port_0 = PROT=HTTPS, PORT=443'
const http = 'icm/server_port_0 = PROT=HTTP, PORT=80'
const system = 'wdisp/system_0 = SID=ABC, EXTSRV=https://app.example'
const present = 'wdisp/ssl_auth = 1'

t.test('a port that asks for no certificate cannot know a trusted predecessor', async t => {
  const trust = 'WARN_PLAN_TRUST_NO_CERTIFICATE icm/server_port_0'
  t.strictSame(brief(planOfText([`${https}, VCLIENT=0`, system, entry].join('\n')).findings), [trust])
  t.strictSame(brief(planOfText([https, system, entry, 'icm/HTTPS/verify_client = 0'].join('\n')).findings), [trust])
  t.strictSame(brief(planOfText([`${https}, VCLIENT=1`, system, entry].join('\n')).findings), [])
  t.strictSame(brief(planOfText([`${https}, VCLIENT=0`, system].join('\n')).findings), [])
})

t.test('a back end must not take the gateway for the user', async t => {
  const risk = ['WARN_PLAN_GATEWAY_AS_USER icm/server_port_0']
  const rows: Array<{ rule: string, lines: string[], findings: string[] }> = [
    { rule: 'HTTPS that adds fields', lines: [https, system, present, forward], findings: [] },
    { rule: 'HTTPS that adds none', lines: [https, system, present], findings: risk },
    { rule: 'HTTP has none to add', lines: [http, system, present, forward], findings: risk },
    { rule: 'without a client certificate nobody is taken for anybody', lines: [http, system], findings: [] },
    { rule: 'a system that the port does not reach', lines: [http, `${system}, SRCSRV=*:443`, present], findings: [] },
    { rule: 'a system that the port reaches', lines: [http, `${system}, SRCSRV=10.0.0.1:80;*:443`, present], findings: risk },
    { rule: 'a port that is not known yet', lines: ['icm/server_port_0 = PROT=HTTP, PORT=0', `${system}, SRCSRV=*:443`, present], findings: risk },
    { rule: 'a stopped system', lines: [http, `${system}, RUNLEVEL=stopped`, present], findings: [] },
    { rule: 'a redirect of everything', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/, FROM=*, FROMPROT=http, PROT=https, HOST=www.example'], findings: [] },
    { rule: 'a redirect of everything, by whatever protocol', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/, FROM=*, PROT=https'], findings: [] },
    { rule: 'a redirect of https', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/, FROM=*, FROMPROT=https, TO=/a'], findings: risk },
    { rule: 'a redirect of one host', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/, FROM=*, FOR=www.example, PROT=https'], findings: risk },
    { rule: 'a redirect of one path', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/, TO=/start'], findings: risk },
    { rule: 'a redirect below one path', lines: [http, system, present, 'icm/HTTP/redirect_0 = PREFIX=/a, FROM=*, PROT=https'], findings: risk },
    { rule: 'end-to-end TLS', lines: ['icm/server_port_0 = PROT=ROUTER, PORT=443', system, present], findings: [] }
  ]
  for (const { rule, lines, findings } of rows) t.strictSame(brief(planOfText(lines.join('\n')).findings), findings, rule)
})
