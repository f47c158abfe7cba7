/** What the trust of a PSE is worth in a handshake. */
import t, { type Test } from 'tap'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { readIdentity } from '../../src/pse/read-identity.ts'
import { mintPse, toBeSigned } from '../helpers/mint-pse.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)

function pem (der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
}

/** Whether a server that trusts `trusted` authorizes this client. */
async function authorizes (t: Test, trusted: readonly Buffer[], client: Issued): Promise<boolean> {
  const server = tls.createServer({ key: pki.server.keyPem, cert: pki.server.chainPem, ca: trusted.map(pem), requestCert: true, rejectUnauthorized: false })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>
  const socket = tls.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: 'localhost', ca: pki.root.certPem, key: client.keyPem, cert: client.chainPem })
  const [peer] = await connected
  socket.destroy()
  peer.destroy()
  return peer.authorized
}

t.test('a trusted root without its signature verifies clients as the complete one does', async t => {
  const other = await mintPki(t)
  for (const trusted of [pki.root.der, toBeSigned(pki.root.der)]) {
    const identity = readIdentity(mintPse({ trusted: [trusted] }), { file: 'a.pse', pin: null })
    t.equal(await authorizes(t, identity.trusted, pki.client), true)
    t.equal(await authorizes(t, identity.trusted, other.client), false, 'a CA of the same name and another key does not count')
  }
})
