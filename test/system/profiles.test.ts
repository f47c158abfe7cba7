/** Each file of `profiles/` as it is, with PSEs in an instance directory and what a user sets on the command line. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { buildBackend, type Backend, type SeenRequest } from '../helpers/backend.ts'
import { ask } from '../helpers/gateway.ts'
import { startGateway, type GatewayProcess } from '../helpers/gateway-process.ts'
import { buildInstance } from '../helpers/instance.ts'
import { freePort } from '../helpers/nginx.ts'
import { mintPki } from '../helpers/pki.ts'

const directory = fileURLToPath(new URL('../../profiles/', import.meta.url))
const { SECUDIR: _, ...env } = process.env

// names as the profiles of the cascade have them
const pki = await mintPki(t, { keyType: 'RSA', gatewaySubject: 'CN=wd-dmz, O=Example, C=DE', intermediateSubject: 'CN=Example CA, O=Example, C=DE' })
const ca = pki.root.certPem
const user = { ca, key: pki.client.keyPem, cert: pki.client.chainPem }
const certificate = pki.client.der.toString('base64')

async function start (t: Test, profile: string, args: readonly string[]): Promise<GatewayProcess> {
  return await startGateway(t, join(directory, profile), args, { env })
}

function instanceOf (t: Test): string {
  return `DIR_INSTANCE=${buildInstance(t, { 'SAPSSLS.pse': pki.server, 'SAPSSLC.pse': pki.gateway })}`
}

/** A back end that lets nobody in but holders of a certificate below the root. */
async function buildTlsBackend (t: Test): Promise<Backend> {
  return await buildBackend(t, { tls: { identity: pki.server, trusted: pki.root } })
}

t.test('every profile is in one of these tests', async t => {
  const tested = ['auxiliary-upstream', 'cascade-first', 'cascade-second', 'dmz', 'end-to-end', 'local', 'terminate-and-reencrypt']
  t.strictSame(readdirSync(directory).filter(name => name.endsWith('.pfl')).toSorted(), tested.map(name => `${name}.pfl`))
})

t.test('terminate-and-reencrypt.pfl', async t => {
  const backend = await buildTlsBackend(t)
  const [port, httpPort] = [await freePort(), await freePort()]
  const gateway = await start(t, 'terminate-and-reencrypt.pfl', [instanceOf(t), `_PORT=${port}`, `_HTTP_PORT=${httpPort}`, `_BACKEND=${backend.origin}`])
  await gateway.port('icm/server_port_1')
  const seen: SeenRequest = (await ask({ port, tls: user, path: '/sap/bc/ping' })).json()
  t.match(seen, { target: '/sap/bc/ping', client: 'wd-dmz', headers: { ssl_client_cert: certificate } })
  const anonymous: SeenRequest = (await ask({ port, tls: { ca }, path: '/' })).json()
  t.notOk('ssl_client_cert' in anonymous.headers)
  const redirected = await ask({ port: httpPort, path: '/a?b' })
  t.match(redirected, { status: 301, headers: { location: new RegExp(`^https://[^/]+:${port}/a\\?b$`) } })
  t.equal(backend.heads.length, 2, 'HTTP goes nowhere')
  t.strictSame(await gateway.stop(), { code: 0, signal: null })
})

t.test('cascade-first.pfl and cascade-second.pfl', async t => {
  const backend = await buildTlsBackend(t)
  const second = await start(t, 'cascade-second.pfl', [instanceOf(t), '_PORT=0', `_BACKEND=${backend.origin}`])
  const first = await start(t, 'cascade-first.pfl', [instanceOf(t), '_PORT=0', `_NEXT=https://localhost:${await second.port('icm/server_port_0')}`])
  const seen: SeenRequest = (await ask({ port: await first.port('icm/server_port_0'), tls: user, path: '/x' })).json()
  t.match(seen, { target: '/x', client: 'wd-dmz', headers: { ssl_client_cert: certificate } }, 'the user\'s certificate comes through both')
  const direct: SeenRequest = (await ask({ port: await second.port('icm/server_port_0'), tls: user, path: '/x', headers: { SSL_CLIENT_CERT: 'forged' } })).json()
  t.notOk('ssl_client_cert' in direct.headers, 'nobody else is believed')
})

t.test('end-to-end.pfl', async t => {
  const backend = await buildTlsBackend(t)
  const gateway = await start(t, 'end-to-end.pfl', ['_PORT=0', `_BACKEND=${backend.origin}`])
  const seen: SeenRequest = (await ask({ port: await gateway.port('icm/server_port_0'), tls: user, path: '/x', headers: { SSL_CLIENT_CERT: 'as sent' } })).json()
  t.match(seen, { client: 'user', headers: { ssl_client_cert: 'as sent' } }, 'the handshake is with the back end, and nothing is touched')
})

t.test('auxiliary-upstream.pfl', async t => {
  const [backend, auxiliary] = [await buildTlsBackend(t), await buildTlsBackend(t)]
  const instance = instanceOf(t)
  const options = JSON.parse(readFileSync(join(directory, 'auxiliary-upstream.json'), 'utf8')) as object
  const file = join(instance.replace('DIR_INSTANCE=', ''), 'auxiliary.json')
  writeFileSync(file, JSON.stringify({ ...options, upstream: auxiliary.origin }), { mode: 0o600 })
  const gateway = await start(t, 'auxiliary-upstream.pfl', [instance, '_PORT=0', `_BACKEND=${backend.origin}`, `_AUX_OPTIONS=${file}`])
  const port = await gateway.port('icm/server_port_0')
  t.match((await ask({ port, tls: user, path: '/aux/a' })).json(), { target: '/a', client: 'wd-dmz', headers: { ssl_client_cert: certificate } })
  t.match((await ask({ port, tls: user, path: '/other' })).json(), { target: '/other', client: 'wd-dmz' })
  t.strictSame([backend.heads.length, auxiliary.heads.length], [1, 1])
})

t.test('dmz.pfl and local.pfl', async t => {
  const backend = await buildTlsBackend(t)
  const appPort = await freePort()
  const names = { inner: '_INNER=CN=wd-dmz, O=Example, C=DE', outer: '_OUTER=CN=localhost, O=Example, C=DE' }
  const dmz = await start(t, 'dmz.pfl', [instanceOf(t), '_HOST=127.0.0.1', '_PORT=0', '_RI_HOST=127.0.0.1', '_RI_PORT=0', '_PERMIT=127.0.0.1', `_APP_PORT=${appPort}`, names.inner])
  const [port, registrationPort] = [await dmz.port('icm/server_port_0'), await dmz.port('wdisp/ri/client_serv')]
  t.match(await ask({ port, tls: user, path: '/x' }), { status: 503 }, 'nobody has registered')
  const local = await start(t, 'local.pfl', [instanceOf(t), '_DMZ=localhost', `_RI_PORT=${registrationPort}`, `_APP_PORT=${appPort}`, `_BACKEND=${backend.origin}`, names.outer])
  await dmz.line(line => line.includes('"initiator registered"'))
  const seen: SeenRequest = (await ask({ port, tls: user, path: '/x' })).json()
  t.match(seen, { target: '/x', client: 'wd-dmz', headers: { ssl_client_cert: certificate, clientprotocol: 'https', 'x-forwarded-for': /127\.0\.0\.1|::1/ } })
  const anonymous: SeenRequest = (await ask({ port, tls: { ca }, path: '/x', headers: { SSL_CLIENT_CERT: certificate } })).json()
  t.notOk('ssl_client_cert' in anonymous.headers, 'a forged field does not arrive')
  t.strictSame(await local.stop(), { code: 0, signal: null })
  t.match(await ask({ port, tls: user, path: '/x' }), { status: 503 })
})
