import t from 'tap'
import type { Plan } from '../../../src/gateway/plan.ts'
import { brief, planOfLines, planOfText } from '../../helpers/profile-plan.ts'

const acceptor = ['wdisp/reverse_invoke = TRUE', 'wdisp/ri/client_serv = 7010', 'wdisp/ri/acl_0 = P 10.18.0.0/24']
const allow = 'postern/ri/allow_0 = SUBJECT="CN=inner, O=Example, C=DE", ISSUER="CN=CA, O=Example, C=DE", ENDPOINTS=app.example:*'
const everybody = 'postern/ri/allow_0 = SUBJECT=*, ISSUER=*, ENDPOINTS=app.example:44300'

function client (endpoints: string, more = ''): string {
  return `postern/ri/client_0 = HOST=dmz.example, PORT=7010, ENDPOINTS=${endpoints}${more}`
}

t.test('what is wrong is said where it stands', async t => {
  const rows: Array<{ rule: string, lines: string[], findings: string[] }> = [
    { rule: 'the DMZ side', lines: [...acceptor, allow], findings: [] },
    { rule: 'the inner side', lines: [client('app.example:8443')], findings: [] },
    { rule: 'no port to register on', lines: ['wdisp/reverse_invoke = TRUE'], findings: ['ERR_PLAN_RI_PORT wdisp/reverse_invoke'] },
    { rule: 'a port that cannot be read is said once', lines: ['wdisp/reverse_invoke = TRUE', 'wdisp/ri/client_serv = 70100'], findings: ['ERR_PROFILE_VALUE wdisp/ri/client_serv'] },
    { rule: 'an unknown service', lines: [...acceptor.slice(0, 1), 'wdisp/ri/client_serv = sapri', ...acceptor.slice(2), allow], findings: ['ERR_PLAN_SERVICE wdisp/ri/client_serv'] },
    { rule: 'a port of another listener', lines: [...acceptor.slice(0, 1), 'wdisp/ri/client_serv = 8443', ...acceptor.slice(2), allow], findings: ['ERR_PLAN_DUPLICATE_PORT wdisp/ri/client_serv'] },
    { rule: 'nobody is allowed', lines: acceptor, findings: ['WARN_PLAN_RI_NOBODY wdisp/ri/client_serv'] },
    { rule: 'nobody is permitted', lines: [...acceptor.slice(0, 2), allow], findings: ['WARN_PLAN_RI_NOBODY wdisp/ri/client_serv'] },
    { rule: 'settings without the switch', lines: [...acceptor.slice(1), allow, 'wdisp/ri/use_ssl = FALSE', 'wdisp/reverse_invoke = FALSE'], findings: ['WARN_PLAN_RI_UNUSED wdisp/ri/client_serv', 'WARN_PLAN_RI_UNUSED wdisp/ri/acl_0', 'WARN_PLAN_RI_UNUSED wdisp/ri/use_ssl', 'WARN_PLAN_RI_UNUSED postern/ri/allow_0'] },
    { rule: 'a switch that cannot be read is said once', lines: ['wdisp/reverse_invoke = perhaps', 'wdisp/ri/client_serv = 7010'], findings: ['ERR_PROFILE_VALUE wdisp/reverse_invoke'] },
    { rule: 'a server that nobody may register', lines: [...acceptor, allow.replace('app.example:*', 'app.example:44301;other.example:44300')], findings: ['WARN_PLAN_RI_UNREGISTERED wdisp/system_0 EXTSRV'] },
    { rule: 'names of rules are looked at', lines: [...acceptor, allow.replace('CN=CA, O=', 'CN=CA,O=')], findings: ['WARN_PROFILE_NAME_FORM postern/ri/allow_0 ISSUER'] },
    { rule: 'without TLS', lines: [...acceptor, everybody, 'wdisp/ri/use_ssl = FALSE'], findings: ['WARN_PLAN_RI_PLAIN wdisp/ri/use_ssl'] },
    { rule: 'without TLS no certificate can be shown', lines: [...acceptor, 'wdisp/ri/acl_1 = D bad.example', allow, 'wdisp/ri/use_ssl = FALSE'], findings: ['WARN_PLAN_RI_PLAIN wdisp/ri/use_ssl', 'ERR_PLAN_RI_ACL wdisp/ri/acl_1', 'WARN_PLAN_RI_PLAIN postern/ri/allow_0'] },
    { rule: 'an entry of the list that is none', lines: [...acceptor, 'wdisp/ri/acl_1 = P 10.18.0.0/33', allow], findings: ['ERR_PROFILE_VALUE wdisp/ri/acl_1'] },
    { rule: 'misspelt settings never pass for unknown ones', lines: [client('app.example:8443'), 'postern/ri/path_0 = ENDPOINT=app.example:8443, PATHS=/a'], findings: ['ERR_PROFILE_NOT_SERVED postern/ri/path_0'] },
    { rule: 'no port for an endpoint', lines: [client('app.example:44300')], findings: ['ERR_PLAN_RI_TARGET postern/ri/client_0 ENDPOINTS'] },
    { rule: 'targets are host:port', lines: [client('app.example:44300=files.example')], findings: ['ERR_PROFILE_VALUE postern/ri/client_0 ENDPOINTS'] },
    { rule: 'endpoints are host:port', lines: [client('app.example')], findings: ['ERR_PROFILE_VALUE postern/ri/client_0 ENDPOINTS'] },
    { rule: 'all ports of a host, not of everybody', lines: [...acceptor, allow.replace('app.example:*', '*:*')], findings: ['ERR_PROFILE_VALUE postern/ri/allow_0 ENDPOINTS'] },
    { rule: 'an endpoint twice', lines: [client('app.example:8443;APP.example:8443')], findings: ['ERR_PLAN_RI_DUPLICATE postern/ri/client_0 ENDPOINTS'] },
    { rule: 'an unknown service over there', lines: ['postern/ri/client_0 = HOST=dmz.example, PORT=sapri, ENDPOINTS=app.example:8443'], findings: ['ERR_PLAN_SERVICE postern/ri/client_0 PORT'] },
    { rule: 'the inner side without TLS', lines: [client('app.example:8443', ', USE_SSL=FALSE')], findings: ['WARN_PLAN_RI_PLAIN postern/ri/client_0 USE_SSL'] },
    { rule: 'a certificate is demanded and none can come', lines: [client('app.example:8443', ', USE_SSL=FALSE'), 'icm/HTTPS/verify_client = 2'], findings: ['WARN_PLAN_RI_PLAIN postern/ri/client_0 USE_SSL', 'ERR_PLAN_RI_VERIFY_CLIENT postern/ri/client_0 USE_SSL'] },
    { rule: 'paths for nobody', lines: [client('app.example:8443'), 'postern/ri/paths_0 = ENDPOINT=ap.example:8443, PATHS=/a'], findings: ['ERR_PLAN_RI_PATHS postern/ri/paths_0 ENDPOINT'] },
    { rule: 'paths without any client', lines: ['postern/ri/paths_0 = ENDPOINT=ap.example:8443, PATHS=/a'], findings: ['ERR_PLAN_RI_PATHS postern/ri/paths_0 ENDPOINT'] },
    { rule: 'paths in two places', lines: [client('app.example:8443'), 'postern/ri/paths_0 = ENDPOINT=app.example:8443, PATHS=/a', 'postern/ri/paths_1 = ENDPOINT=app.example:8443, PATHS=/b'], findings: ['ERR_PLAN_RI_DUPLICATE postern/ri/paths_1 ENDPOINT'] },
    { rule: 'paths that can be read in two ways', lines: [client('app.example:8443'), 'postern/ri/paths_0 = ENDPOINT=app.example:8443, PATHS=/a/../b'], findings: ['ERR_PROFILE_VALUE postern/ri/paths_0 PATHS'] },
    { rule: 'paths that nobody sees', lines: ['icm/server_port_1 = PROT=ROUTER, PORT=8444', client('app.example:8444'), 'postern/ri/paths_0 = ENDPOINT=app.example:8444, PATHS=/a'], findings: ['ERR_PLAN_RI_PATHS postern/ri/paths_0 ENDPOINT'] },
    { rule: 'a cascade', lines: [...acceptor, allow, client('app.example:8443')], findings: [] },
    { rule: 'a cascade opens no connection to a server', lines: [...acceptor, allow, client('app.example:8443;files.example:1=files.example:80')], findings: ['ERR_PLAN_RI_TARGET postern/ri/client_0 ENDPOINTS'] },
    { rule: 'a delay that takes all the time', lines: ['postern/drain_delay = 30'], findings: ['ERR_PLAN_DRAIN_DELAY postern/drain_delay'] },
    { rule: 'no delay at all', lines: ['postern/drain_delay = 0', 'postern/shutdown_timeout = 0'], findings: [] }
  ]
  for (const { rule, lines, findings } of rows) t.strictSame(brief(planOfLines(lines).findings), findings, rule)
})

t.test('the registration port demands certificates, whatever the other ports do', async t => {
  const { plan } = planOfLines([...acceptor, allow, 'icm/HTTPS/verify_client = 0', 'ssl/ciphersuites = 545:PFS:HIGH', 'wdisp/ri/client_host = 10.18.0.1', 'wdisp/max_servers = 7', 'postern/drain_delay = 4'])
  const port = (plan as Plan).reverseInvoke.acceptor
  t.match(port, {
    name: 'wdisp/ri/client_serv',
    origin: { file: 'test.pfl', line: 4 },
    host: '10.18.0.1',
    port: 7010,
    tls: { identities: ['/etc/postern/sec/SAPSSLS.pse'], verifyClient: 2, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
    options: { acl: ['P 10.18.0.0/24'], allow: [{ name: 'postern/ri/allow_0', subject: 'CN=inner, O=Example, C=DE', endpoints: ['app.example:*'] }], maxRegistrations: 7, drainTimeoutMs: 30_000 }
  })
  t.equal(plan?.drainDelayMs, 4000)
  const own = planOfLines([...acceptor, allow, 'postern/ri/pse = ri.pse']).plan as Plan
  t.strictSame(own.reverseInvoke.acceptor?.tls?.identities, ['/etc/postern/sec/ri.pse'])
  t.equal(own.identities['/etc/postern/sec/ri.pse']?.parameter, 'postern/ri/pse')
  t.equal((planOfLines([...acceptor, everybody, 'wdisp/ri/use_ssl = FALSE']).plan as Plan).reverseInvoke.acceptor?.tls, null)
})

t.test('endpoints lead to the port of their number, or to a server behind the header policy', async t => {
  const { plan } = planOfLines([
    client('app.example:8443;[2001:DB8::1]:81=[::1]:8080', ', PSE=ri.pse, POOL=2, PROXY=proxy.example:3128, SSL_CERTHOST=wd.example'),
    'postern/ri/paths_0 = ENDPOINT=app.example:8443, PATHS=/sap/*;/healthz', 'icm/HTTP/logging_0 = PREFIX=/, LOGFILE=-', 'postern/ri/instance = one'
  ])
  const { initiators: [initiator] } = (plan as Plan).reverseInvoke
  t.match(initiator, {
    name: 'postern/ri/client_0',
    identity: '/etc/postern/sec/ri.pse',
    options: {
      host: 'dmz.example',
      port: 7010,
      useTls: true,
      serverName: 'wd.example',
      endpoints: [{ endpoint: 'app.example:8443', paths: ['/sap/*', '/healthz'] }, { endpoint: '[2001:db8::1]:81', paths: [] }],
      poolSize: 2,
      proxy: { host: 'proxy.example', port: 3128 },
      instance: 'one',
      backOff: { initialMs: 100, firstCapMs: 2000, firstPeriodMs: 300_000, capMs: 30_000 }
    },
    targets: [{ endpoint: 'app.example:8443', listener: 'icm/server_port_0', server: null }, { endpoint: '[2001:db8::1]:81', listener: null, server: { host: '::1', port: 8080, http: { port: 81, tls: null } } }]
  })
  t.strictSame(initiator?.targets[1]?.server?.http.plugins.map(({ plugin }) => plugin), ['client-cert-headers', 'error-pages', 'access-log', 'fixed-target', 'forward'])
  t.strictSame(JSON.parse(JSON.stringify(plan)), plan)
})

t.test('without anything of it there is none', async t => {
  t.strictSame((planOfText('icm/server_port_0 = PROT=HTTP, PORT=80\nwdisp/system_0 = SID=ABC, EXTSRV=http://a:1').plan as Plan).reverseInvoke, { acceptor: null, initiators: [] })
})
