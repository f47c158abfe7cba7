import t from 'tap'
import { brief, planOfLines } from '../../helpers/profile-plan.ts'

t.test('bounds and times of connections to back ends', async t => {
  const rows: Array<{ lines: string[], upstream: object, findings: string[] }> = [
    { lines: [], upstream: { connectTimeoutMs: 5000, maxConnections: 32_768, maxTlsConnections: 32_768, ciphers: null, keepAliveTimeoutMs: 10_000, maxHeaderBytes: 65_536, closeAfterResponse: false }, findings: [] },
    { lines: ['icm/conn_timeout = 200', 'wdisp/HTTP/max_pooled_con = 5', 'wdisp/HTTPS/max_pooled_con = 6', 'icm/HTTP/client/keep_alive_timeout = 20', 'wdisp/additional_conn_close = TRUE'], upstream: { connectTimeoutMs: 200, maxConnections: 5, maxTlsConnections: 6, keepAliveTimeoutMs: 20_000, closeAfterResponse: true }, findings: [] },
    { lines: ['icm/HTTP/client/keep_alive_timeout = -1'], upstream: { keepAliveTimeoutMs: 2_147_483_647, closeAfterResponse: false }, findings: [] },
    { lines: ['icm/HTTP/client/keep_alive_timeout = 0'], upstream: { keepAliveTimeoutMs: 0, closeAfterResponse: true }, findings: [] },
    { lines: ['ssl/client_ciphersuites = 560:HIGH'], upstream: { ciphers: { ciphers: 'HIGH:!aNULL:!eNULL:!PSK:!SRP', groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } }, findings: [] },
    { lines: ['ssl/client_ciphersuites = 150:HIGH'], upstream: { ciphers: { minVersion: 'TLSv1' } }, findings: ['WARN_PLAN_OLD_TLS ssl/client_ciphersuites'] }
  ]
  for (const { lines, upstream, findings } of rows) {
    const made = planOfLines(lines)
    t.match(made.plan?.upstream, upstream, lines.join('; '))
    t.strictSame(brief(made.findings), findings, lines.join('; '))
  }
})

t.test('end-to-end TLS, trace, stop and instance', async t => {
  t.match(planOfLines([]).plan, {
    router: { stickyMask: '255.255.240.0', maxClients: 50_000, contextTimeoutMs: 3_600_000 },
    log: { traceFile: null, traceLevel: 1 },
    shutdownTimeoutMs: 30_000,
    admin: null,
    instance: { name: null, number: null },
    errorStatus: 'http',
    conflictResolution: 'ERROR'
  })
  t.match(planOfLines([
    'SAPSYSTEMNAME = WDP', 'SAPSYSTEM = 07', 'wdisp/HTTPS/sticky_mask = 255.0.0.0', 'wdisp/HTTPS/max_client_ip_entries = 7', 'wdisp/HTTPS/context_timeout = 8', 'rdisp/TRACE = 3',
    'DIR_LOGGING = /log', 'postern/trace_file = trace', 'postern/shutdown_timeout = 0', 'postern/error_status = sap', 'postern/admin_port = PORT=9400'
  ]).plan, {
    router: { stickyMask: '255.0.0.0', maxClients: 7, contextTimeoutMs: 8000 },
    log: { traceFile: '/log/trace', traceLevel: 3 },
    shutdownTimeoutMs: 0,
    admin: { host: '127.0.0.1', port: 9400 },
    instance: { name: 'WDP', number: '07' },
    errorStatus: 'sap'
  })
})
