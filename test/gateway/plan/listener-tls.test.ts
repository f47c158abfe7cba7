import t from 'tap'
import { brief, planOfLines, planOfText } from '../../helpers/profile-plan.ts'

const system = 'wdisp/system_0 = SID=ABC, EXTSRV=https://app.example:44300'
const usual = { ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', sessionTimeoutSeconds: null }

/** TLS of `icm/server_port_0` and the findings. */
function tlsOf (port: string, ...lines: string[]) {
  const { plan, findings } = planOfText([system, `icm/server_port_0 = PORT=8443, ${port}`, ...lines].join('\n'))
  return { tls: plan?.listeners[0]?.tls, findings: brief(findings) }
}

t.test('without SSLCONFIG the general parameters count', async t => {
  t.strictSame(tlsOf('PROT=HTTPS'), { tls: { identities: ['/etc/postern/sec/SAPSSLS.pse'], verifyClient: 1, ...usual }, findings: [] })
  t.match(tlsOf('PROT=HTTPS', 'ssl/server_pse = /pse/own.pem', 'icm/HTTPS/verify_client = 2'), { tls: { identities: ['/pse/own.pem'], verifyClient: 2 }, findings: [] })
  t.match(tlsOf('PROT=HTTPS, VCLIENT=0', 'icm/HTTPS/verify_client = 2'), { tls: { verifyClient: 0 } }, 'VCLIENT of the port wins')
})

t.test('SSLCONFIG names a configuration by its name or its ID', async t => {
  for (const name of ['ssl_config_3', 'public', 'icm/ssl_config_3']) {
    t.strictSame(tlsOf(`PROT=HTTPS, SSLCONFIG=${name}`, 'icm/ssl_config_3 = ID=public, CRED=a.pse, SNI_CREDS=b.pse;a.pse;c.pse, VCLIENT=2, LIFETIME=600, CIPHERS=545:PFS'), {
      tls: {
        identities: ['/etc/postern/sec/a.pse', '/etc/postern/sec/b.pse', '/etc/postern/sec/c.pse'],
        verifyClient: 2,
        ciphers: 'ECDHE:DHE:!aNULL:!eNULL:!PSK:!SRP',
        groups: null,
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
        sessionTimeoutSeconds: 600
      },
      findings: []
    })
  }
})

t.test('VCLIENT beside SSLCONFIG is warned about, and never asks for less than the profile does', async t => {
  const rows: Array<{ port: string, config: string, verifyClient: number, findings: string[] }> = [
    { port: ', VCLIENT=2', config: ', VCLIENT=1', verifyClient: 1, findings: ['WARN_PLAN_VERIFY_CLIENT icm/server_port_0 VCLIENT'] },
    { port: ', VCLIENT=2', config: '', verifyClient: 2, findings: ['WARN_PLAN_VERIFY_CLIENT icm/server_port_0 VCLIENT'] },
    { port: '', config: ', VCLIENT=2', verifyClient: 2, findings: [] },
    { port: '', config: '', verifyClient: 1, findings: [] }
  ]
  for (const { port, config, verifyClient, findings } of rows) {
    t.match(tlsOf(`PROT=HTTPS, SSLCONFIG=ssl_config_0${port}`, `icm/ssl_config_0 = CRED=a.pse${config}`), { tls: { verifyClient }, findings })
  }
})

t.test('a configuration that is missing, doubled or unused is reported', async t => {
  t.strictSame(tlsOf('PROT=HTTPS, SSLCONFIG=x').findings, ['ERR_PLAN_SSL_CONFIG icm/server_port_0 SSLCONFIG'])
  t.strictSame(tlsOf('PROT=HTTPS, SSLCONFIG=x', 'icm/ssl_config_0 = CRED=a.pse').findings, ['ERR_PLAN_SSL_CONFIG icm/server_port_0 SSLCONFIG', 'WARN_PLAN_UNUSED_SSL_CONFIG icm/ssl_config_0'])
  t.strictSame(tlsOf('PROT=HTTPS, SSLCONFIG=x', 'icm/ssl_config_0 = ID=x, CRED=a.pse', 'icm/ssl_config_1 = ID=x, CRED=b.pse').findings, ['ERR_PLAN_SSL_CONFIG icm/ssl_config_1 ID', 'WARN_PLAN_UNUSED_SSL_CONFIG icm/ssl_config_0'])
  t.strictSame(tlsOf('PROT=HTTPS, SSLCONFIG=ssl_config_0', 'icm/ssl_config_0 = ID=ssl_config_0, CRED=a.pse').findings, [], 'an ID that repeats the name')
})

t.test('TLS settings of a port that ends no TLS are warned about', async t => {
  for (const protocol of ['HTTP', 'ROUTER']) {
    const { tls, findings } = tlsOf(`PROT=${protocol}, VCLIENT=2, SSLCONFIG=x`)
    t.equal(tls, null)
    t.strictSame(findings, ['WARN_PLAN_NO_TLS icm/server_port_0 VCLIENT', 'WARN_PLAN_NO_TLS icm/server_port_0 SSLCONFIG'])
  }
})

t.test('cipher strings are mapped, and what they lose is reported once', async t => {
  const rows: Array<{ text: string, findings: string[] }> = [
    { text: '545:PFS:HIGH', findings: [] },
    { text: '135:PFS:HIGH', findings: ['WARN_PLAN_OLD_TLS ssl/ciphersuites'] },
    { text: '801:PFS:HIGH', findings: ['WARN_PLAN_OLD_TLS ssl/ciphersuites'] },
    { text: '545:PFS:Unheard', findings: ['WARN_PLAN_CIPHERS ssl/ciphersuites'] },
    { text: '545:PFS:!Unheard', findings: ['ERR_PLAN_CIPHERS ssl/ciphersuites'] },
    { text: '545:e3DES:!HIGH:!MEDIUM:!3DES', findings: ['ERR_PLAN_CIPHERS ssl/ciphersuites'] }
  ]
  for (const { text, findings } of rows) {
    const seen = planOfLines([`ssl/ciphersuites = ${text}`, 'icm/server_port_1 = PROT=HTTPS, PORT=8444'])
    t.strictSame(brief(seen.findings), findings, text)
  }
  t.strictSame(tlsOf('PROT=HTTPS, SSLCONFIG=ssl_config_0', 'icm/ssl_config_0 = CRED=a.pse, CIPHERS=135:HIGH', 'ssl/ciphersuites = 545:Unheard').findings, ['WARN_PLAN_OLD_TLS icm/ssl_config_0 CIPHERS'])
})
