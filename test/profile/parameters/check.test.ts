import t from 'tap'
import { checkParameters } from '../../../src/profile/parameters/check.ts'
import { keepAliveTimeout, logging, serverPort, verifyClient } from '../../../src/profile/parameters/icm.ts'
import { adminPort } from '../../../src/profile/parameters/postern.ts'
import { readProfile } from '../../../src/profile/read.ts'

function check (text: string) {
  return checkParameters(readProfile([{ file: 'test.pfl', text }], [], { hostname: 'wd', fullHostname: 'wd.example.com' }))
}

function found (text: string): string[] {
  return check(text).findings.map(({ code, parameter, message, expected }) => `${code} ${parameter} | ${message} | ${expected}`)
}

t.test('each fault of a parameter has its finding', async t => {
  const rows: Array<{ rule: string, text: string, finds: RegExp[] }> = [
    { rule: 'a known parameter with a good value finds nothing', text: 'icm/keep_alive_timeout = 30', finds: [] },
    { rule: 'a known parameter with a bad value is an error', text: 'icm/keep_alive_timeout = soon', finds: [/ERR_PROFILE_VALUE icm\/keep_alive_timeout \| "soon" is no possible value \| a whole number from -1/] },
    { rule: 'an unknown parameter is warned about', text: 'icm/nothing_like_it_at_all_exists = 1', finds: [/WARN_PROFILE_UNKNOWN_PARAMETER .* \| null/] },
    { rule: 'the nearest known name is named', text: 'icm/keep_alive_timout = 1', finds: [/perhaps icm\/keep_alive_timeout/] },
    { rule: 'with its index', text: 'wdisp/sytem_12 = 1', finds: [/perhaps wdisp\/system_12/] },
    { rule: 'without an index, with the place for one', text: 'wdisp/systems_<xx> = 1', finds: [/perhaps wdisp\/system_<xx>/] },
    { rule: 'a name in the wrong case is told from an unknown one', text: 'icm/https/verify_client = 1', finds: [/icm\/HTTPS\/verify_client: names are case sensitive/] },
    { rule: 'even where the root belongs to another program', text: 'rdisp/trace = 1', finds: [/rdisp\/TRACE: names are case sensitive/] },
    { rule: 'a name of any length is looked at', text: `${'x'.repeat(5000)} = 1`, finds: [/UNKNOWN_PARAMETER/] },
    { rule: 'parameters of other programs are kept without a word', text: 'Autostart = 1\nStart_Program_01 = a\nRestart_Program_00 = b\nSETENV_00 = A=b\nFN_JSTART = c\nDIR_CT_RUN = d\nrdisp/wp_no_dia = 1\nSAPLOCALHOST = a\n_HELPER = 1\nlogin/accept_sso2_ticket = 1\nINSTANCE_NAME = W00', finds: [] },
    { rule: 'a parameter without effect is said', text: 'icm/max_threads = 100', finds: [/INFO_PROFILE_WITHOUT_EFFECT icm\/max_threads \| it has no effect: one event loop/] },
    { rule: 'one that somebody may rely on is a warning', text: 'icm/security_log = LOGFILE=a', finds: [/WARN_PROFILE_WITHOUT_EFFECT icm\/security_log/] },
    { rule: 'one entry stands for many names', text: 'icm/HTTP/server_cache_0/expiration = 1\nmpi/total_size_MB = 1', finds: [/INFO_PROFILE_WITHOUT_EFFECT icm\/HTTP\/server_cache_0\/expiration/, /INFO_PROFILE_WITHOUT_EFFECT mpi\/total_size_MB/] },
    { rule: 'a reference that was not replaced makes a served value unusable', text: 'wdisp/ssl_cred = $(_NOWHERE)/a.pse', finds: [/ERR_PROFILE_UNRESOLVED wdisp\/ssl_cred \| the value holds "\$\(_NOWHERE\)"/] },
    { rule: 'a mandatory sub-parameter is demanded', text: 'icm/server_port_0 = PROT=HTTPS', finds: [/ERR_PROFILE_MISSING_SUB_PARAMETER icm\/server_port_0 PORT \| PORT is missing/] },
    { rule: 'a bad sub-parameter is named', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, VCLIENT=4', finds: [/ERR_PROFILE_VALUE icm\/server_port_0 VCLIENT \| "4"/] },
    { rule: 'faults of the form are passed on', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, PORT=444', finds: [/ERR_PROFILE_SUB_PARAMETER/] },
    { rule: 'an unknown sub-parameter stops the start', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, RANDOM=1', finds: [/ERR_PROFILE_UNKNOWN_SUB_PARAMETER icm\/server_port_0 RANDOM .* one of PROT, PORT/] },
    { rule: 'a near one is suggested', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, ACLFIL=a', finds: [/perhaps ACLFILE/] },
    { rule: 'keys are upper case', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, timeout=30', finds: [/TIMEOUT, in upper case/] },
    { rule: 'no key is inherited from Object', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, constructor=1, __proto__=1', finds: [/UNKNOWN_SUB_PARAMETER icm\/server_port_0 constructor/, /UNKNOWN_SUB_PARAMETER icm\/server_port_0 __proto__/] },
    { rule: 'a sub-parameter without effect is said', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, EXTBIND=1', finds: [/INFO_PROFILE_WITHOUT_EFFECT icm\/server_port_0 EXTBIND/] },
    { rule: 'KEEPALIVE is a warning', text: 'icm/server_port_0 = PROT=HTTPS, PORT=443, KEEPALIVE=60', finds: [/WARN_PROFILE_WITHOUT_EFFECT icm\/server_port_0 KEEPALIVE/] }
  ]
  for (const { rule, text, finds } of rows) {
    const seen = found(text)
    t.equal(seen.length, finds.length, `${rule}: ${seen.join('\n')}`)
    for (const [index, expression] of finds.entries()) t.match(seen[index], expression, rule)
  }
})

t.test('what restricts and is not served stops the start unless it is accepted by name', async t => {
  const restricting = [
    'icm/HTTP/auth_0 = PREFIX=/, PERMFILE=a', 'icm/HTTP/mod_0 = PREFIX=/, FILE=a', 'wdisp/permission_table = a', 'wdisp/ri/client_service = 7010',
    'postern/ri/path_0 = /', 'csi/enable = TRUE', 'wdisp/max_permitted_uri_len = 100', 'wdisp/permitted_uri_char_range = 1'
  ]
  for (const text of restricting) {
    const name = text.split(' ')[0] as string
    t.match(found(text), [new RegExp(`^POSTERN_ERR_PROFILE_NOT_SERVED ${name} .*${name} in postern/accept_unserved$`)], text)
    t.match(found(`${text}\npostern/accept_unserved = other/thing; ${name}`), [/^POSTERN_WARN_PROFILE_NOT_SERVED/, /ACCEPT_UNUSED .*"other\/thing" accepts nothing/], `${text}, accepted`)
  }
  for (const text of ['wdisp/permission_table =', 'icm/HTTP/mod_0 = PREFIX=/, FILE=-', 'csi/enable = 0']) t.strictSame(found(text), [], `${text} restricts nothing`)
})

t.test('a sub-parameter is accepted behind its parameter, and <xx> stands for every index', async t => {
  const port = 'icm/server_port_3 = PROT=HTTP, PORT=80, MIN_RECEIVE_RATE=1, RANDOM=2'
  t.match(found(port), [/ERR_PROFILE_NOT_SERVED icm\/server_port_3 MIN_RECEIVE_RATE/, /ERR_PROFILE_UNKNOWN_SUB_PARAMETER/])
  for (const name of ['icm/server_port_3', 'icm/server_port_<xx>']) {
    t.match(found(`${port}\npostern/accept_unserved = ${name}  MIN_RECEIVE_RATE, ${name} RANDOM`), [/WARN_PROFILE_NOT_SERVED/, /WARN_PROFILE_NOT_SERVED .* RANDOM/], name)
  }
  t.match(found(`${port}\npostern/accept_unserved = icm/server_port_3`), [/ERR/, /ERR/, /ACCEPT_UNUSED/], 'the parameter alone accepts none of its sub-parameters')
})

t.test('an acceptance that cannot be read accepts nothing', async t => {
  t.match(found('postern/accept_unserved = ;\ncsi/enable = TRUE'), [/ERR_PROFILE_VALUE postern\/accept_unserved/, /ERR_PROFILE_NOT_SERVED/])
})

t.test('a file that is no profile costs no search for each of its lines', async t => {
  const { findings } = check(Array.from({ length: 1000 }, (_, index) => `icm/keep_alive_timoot${index} = 1`).join('\n'))
  t.equal(findings.length, 1000)
  t.equal(findings.filter(({ expected }) => expected !== null).length, 200)
})

t.test('settings hold values of their type, defaults included', async t => {
  const { settings } = check('icm/server_port_10 = PROT=http, PORT=http-alt\nicm/server_port_2 = PROT=HTTPS, PORT=443, VCLIENT=2\nicm/HTTP/logging_0 = LOGFILE=a.log\nicm/HTTPS/verify_client = nothing')
  t.strictSame(settings.all(serverPort).map(({ name, index }) => [name, index]), [['icm/server_port_2', 2], ['icm/server_port_10', 10]], 'by index, as numbers')
  t.match(settings.all(serverPort).map(({ value }) => value), [{ PORT: 443, VCLIENT: 2, PROCTIMEOUT: 60, HOST: null }, { PROT: 'HTTP', PORT: 'http-alt' }])
  t.match(settings.find(logging)?.value, { PREFIX: '/', LOGFORMAT: 'CLF', FILEWRAP: 'off' })
  t.equal(settings.get(keepAliveTimeout), 60, 'default')
  t.equal(settings.get(verifyClient), 1, 'a wrong value leaves the default')
  t.ok(settings.isAttempted(verifyClient), 'and is remembered')
  t.equal(settings.find(adminPort), null)
})

t.test('LOGFORMAT reaches to the end of the line, or to the next key', async t => {
  const { settings, findings } = check('icm/HTTP/logging_0 = LOGFILE=a.log, LOGFORMAT=%t %a, "%r" x=1, MAXFILES=3')
  t.strictSame(findings, [])
  t.match(settings.find(logging)?.value, { LOGFORMAT: '%t %a, "%r" x=1', MAXFILES: 3 })
})
