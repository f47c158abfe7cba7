import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { FollowingSender } from '../../src/upstream/following-sender.ts'
import { UpstreamPools } from '../../src/upstream/pools.ts'
import { serverAt } from '../helpers/forward.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildRawBackend } from '../helpers/raw-backend.ts'

t.test('each request takes the identity that the server has then', async t => {
  const pki = await mintPki(t)
  const backend = await buildRawBackend(t, { tls: { key: pki.server.keyPem, cert: pki.server.chainPem, ca: pki.root.certPem, requestCert: true } })
  const pools = new UpstreamPools()
  t.teardown(() => { pools.destroy() })
  let identity = identityOf(pki.gateway, [pki.root])
  const sender = new FollowingSender(pools, serverAt(backend.port, { get identity () { return identity }, presentCertificate: true, serverName: null, ignoreHostMismatch: false }))
  t.equal((await sender.request({ path: '/', method: 'GET' })).statusCode, 200)
  identity = identityOf(pki.client, [pki.root])
  await new Promise<void>((resolve, reject) => {
    sender.send({ path: '/', method: 'GET' }, { onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {}, onResponseEnd: () => { resolve() }, onResponseError: (_controller, error) => { reject(error) } })
  })
  t.strictSame(backend.sockets.map(socket => (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256), [pki.gateway, pki.client].map(({ certificate }) => certificate.fingerprint256))
})
