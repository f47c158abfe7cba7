import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists } from '../../src/revocation/revocation-lists.ts'
import { dialer, tlsClient } from '../../src/upstream/connector.ts'
import { isRefused } from '../../src/upstream/peer-check.ts'
import { buildForward, serverAt } from '../helpers/forward.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintCrl } from '../helpers/mint-crl.ts'
import { mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { buildRawBackend, ok, type RawRequest } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const get = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n'

function list (issuer: Issued, ...revoked: Issued[]): RevocationList {
  return new RevocationList(mintCrl({ issuer, revoked: revoked.map(certificate => ({ certificate, reason: 4 })) }), 'test.crl')
}

function listsWithout (pki: Pki, ...revoked: Issued[]): RevocationList[] {
  return [list(pki.root), list(pki.intermediate, ...revoked)]
}

async function build (t: Test, pki: Pki, { maxVersion = 'TLSv1.3' as const, onRequest = undefined as ((request: RawRequest) => void) | undefined, closing = false }: { maxVersion?: 'TLSv1.2' | 'TLSv1.3', onRequest?: (request: RawRequest) => void, closing?: boolean } = {}) {
  const revocation = new RevocationLists({ policy: 'hard', lists: listsWithout(pki), onUnknown: () => {} })
  const backend = await buildRawBackend(t, { tls: { key: pki.server.keyPem, cert: pki.server.chainPem, maxVersion }, ...onRequest !== undefined && { onRequest } })
  const tls = { identity: identityOf(pki.gateway, [pki.root]), presentCertificate: false, serverName: null, ignoreHostMismatch: false }
  const gateway = await buildForward(t, { to: serverAt(backend.port, tls), pools: { connector: dialer(revocation), closeAfterResponse: closing } })
  const ask = async (): Promise<string> => {
    const client = await buildRawClient(t, gateway.port)
    client.send(get)
    return await client.until(/ok$|}$/)
  }
  const endRefused = (): void => gateway.pools.endThose((socket: Duplex) => isRefused(socket, revocation))
  return { revocation, backend, gateway, ask, endRefused, tls }
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${maxVersion}: a back end with a revoked certificate gets no request, on full and resumed sessions`, async t => {
    const pki = await mintPki(t)
    const { revocation, backend, gateway, ask } = await build(t, pki, { maxVersion, closing: true })
    for (const time of ['first', 'second', 'third']) t.match(await ask(), /^HTTP\/1\.1 200/, time)
    t.equal((backend.sockets[2] as TLSSocket).isSessionReused(), true, 'its chain was found under hard')
    revocation.replace(listsWithout(pki, pki.server))
    for (const time of ['first', 'second']) t.match(await ask(), /^HTTP\/1\.1 502 [^]*POSTERN_ERR_UPSTREAM_TLS/, time)
    t.equal(backend.requests.length, 3)
    t.match(gateway.log.filter(line => line.msg === 'forwarding failed'), [{
      code: 'POSTERN_ERR_UPSTREAM_TLS',
      causeCode: 'POSTERN_ERR_UPSTREAM_REVOKED',
      cause: /revoked on .*, superseded; CN=localhost, O=Example, C=DE, serial number [0-9A-F]+, issued by CN=Issuing CA/
    }, {}])
    revocation.replace([list(pki.root)])
    t.match(await ask(), /^HTTP\/1\.1 502/)
    t.match(gateway.log.filter(line => line.msg === 'forwarding failed')[2], { cause: /not known whether it was revoked, no-list/ })
    revocation.replace(listsWithout(pki))
    t.match(await ask(), /^HTTP\/1\.1 200/)
  })
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${maxVersion}: a session is refused when its back end is, and not offered again`, async t => {
    const pki = await mintPki(t)
    const { revocation, backend, tls } = await build(t, pki, { maxVersion })
    const connect = tlsClient({ host: '127.0.0.1', tls }, revocation)
    const attempt = async (): Promise<{ reused: boolean, error: string | undefined }> => {
      const socket = connect({ host: '127.0.0.1', port: backend.port })
      t.teardown(() => { socket.destroy() })
      const session = once(socket, 'session').catch(() => {})
      const refused = once(socket, 'error')
      let reused = false
      // a socket that is destroyed does not tell any more
      socket.prependOnceListener('secureConnect', () => { reused = socket.isSessionReused() })
      await once(socket.resume(), 'secureConnect')
      if (socket.destroyed) return { reused, error: (await refused)[0].code }
      refused.catch(() => {})
      // a resumed session may stay the one that was offered
      if (!reused) await session
      return { reused, error: undefined }
    }
    t.strictSame(await attempt(), { reused: false, error: undefined })
    t.strictSame(await attempt(), { reused: true, error: undefined })
    revocation.replace(listsWithout(pki, pki.server))
    t.strictSame(await attempt(), { reused: true, error: 'POSTERN_ERR_UPSTREAM_REVOKED' })
    t.strictSame(await attempt(), { reused: false, error: 'POSTERN_ERR_UPSTREAM_REVOKED' })
    revocation.replace(listsWithout(pki))
    t.strictSame(await attempt(), { reused: false, error: undefined })
  })
}

t.test('connections to a back end whose certificate is no longer good end: idle ones now, busy ones behind their answer', async t => {
  const pki = await mintPki(t)
  const held: RawRequest[] = []
  const first = Promise.withResolvers<void>()
  const { revocation, backend, ask, endRefused } = await build(t, pki, {
    onRequest: request => {
      if (request.index === 0 && request.connection === 1) {
        held.push(request)
        first.resolve()
      } else request.socket.write(ok)
    }
  })
  const idle = ask()
  t.match(await idle, /200/)
  // takes the idle connection, so that the next one opens another
  const busy = Promise.all([ask(), ask()])
  await first.promise
  endRefused()
  t.equal(backend.sockets.filter(({ destroyed }) => destroyed).length, 0)
  revocation.replace(listsWithout(pki, pki.server))
  const ends = backend.sockets.map(socket => once(socket, 'close'))
  endRefused()
  await ends[0]
  t.equal(backend.sockets[1]!.destroyed, false)
  held[0]!.socket.write(ok)
  t.match(await busy, [/^HTTP\/1\.1 200/, /^HTTP\/1\.1 200/])
  await ends[1]
  t.match(await ask(), /^HTTP\/1\.1 502/)
})
