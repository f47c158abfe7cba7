import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { IdentityServer } from '../../src/tls/identity-server.ts'
import type { VerifyClient } from '../../src/gateway/plan.ts'
import { encodeName, mintPki, type Issued, type Pki } from '../helpers/pki.ts'
import { identityOf } from '../helpers/tls.ts'

const [handshakeRecord, serverHelloDone, certificateRequest] = [22, 14, 13]

/** What the server sends in a TLS 1.2 handshake, where it can be read: the handshake messages up to ServerHelloDone. */
async function serverMessages (t: Test, pki: Pki, trusted: readonly Issued[], verifyClient: VerifyClient): Promise<Map<number, Buffer>> {
  const server = new IdentityServer(identityOf(pki.server, trusted), {
    verifyClient, ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', sessionTimeoutSeconds: null, handshakeTimeoutMs: 5000
  })
  const [ours, wire] = duplexPair()
  const [clientWire, theirs] = duplexPair()
  const sent: Buffer[] = []
  wire.on('data', (bytes: Buffer) => { sent.push(bytes) })
  wire.pipe(clientWire).pipe(wire)
  const secured = once(server, 'secureConnection')
  const client = tls.connect({ socket: theirs, rejectUnauthorized: false })
  client.on('error', () => {})
  server.handshake(ours)
  const [socket] = await secured as [tls.TLSSocket]
  t.teardown(() => { client.destroy(); socket.destroy() })
  return messagesOf(Buffer.concat(sent))
}

function messagesOf (bytes: Buffer): Map<number, Buffer> {
  const contents: Buffer[] = []
  for (let i = 0; i < bytes.length && bytes[i] === handshakeRecord; i += 5 + bytes.readUInt16BE(i + 3)) contents.push(bytes.subarray(i + 5, i + 5 + bytes.readUInt16BE(i + 3)))
  const messages = new Map<number, Buffer>()
  const stream = Buffer.concat(contents)
  for (let i = 0; !messages.has(serverHelloDone); i += 4 + stream.readUIntBE(i + 1, 3)) {
    messages.set(stream[i] as number, stream.subarray(i + 4, i + 4 + stream.readUIntBE(i + 1, 3)))
  }
  return messages
}

/** RFC 5246 section 7.4.4: certificate types, signature algorithms, names of CAs. */
function authoritiesOf (request: Buffer): Buffer[] {
  let offset = 1 + (request[0] as number)
  offset += 2 + request.readUInt16BE(offset) + 2
  const names: Buffer[] = []
  while (offset < request.length) {
    const length = request.readUInt16BE(offset)
    names.push(request.subarray(offset + 2, offset + 2 + length))
    offset += 2 + length
  }
  return names
}

t.test('the certificate request names the CAs of the trust list, and no others', async t => {
  const [pki, other] = [await mintPki(t, { rootSubject: 'CN=First, O=Example' }), await mintPki(t, { rootSubject: 'CN=Second, C=DE' })]
  const rows: Array<[string, Issued[], string[]]> = [
    ['two roots', [pki.root, other.root], ['CN=First, O=Example', 'CN=Second, C=DE']],
    ['an intermediate CA', [other.intermediate], ['CN=Issuing CA, O=Example, C=DE']],
    ['the same certificate twice', [pki.root, pki.root], ['CN=First, O=Example']],
    ['an empty trust list', [], []]
  ]
  for (const [title, trusted, names] of rows) {
    const request = (await serverMessages(t, pki, trusted, 1)).get(certificateRequest)
    t.strictSame(authoritiesOf(request as Buffer), names.map(name => Buffer.from(encodeName(name))), title)
  }
})

t.test('verify_client 0 makes no request', async t => {
  const pki = await mintPki(t)
  t.equal((await serverMessages(t, pki, [pki.root], 0)).has(certificateRequest), false)
})
