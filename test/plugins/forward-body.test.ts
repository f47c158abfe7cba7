import t from 'tap'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { buildForward } from '../helpers/forward.ts'
import { buildRawBackend, fieldLines } from '../helpers/raw-backend.ts'
import { buildRawClient } from '../helpers/raw-client.ts'

const MEBIBYTE = 1024 * 1024

t.test('passes bodies on byte-exact, whatever their type', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const body = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  for (const type of ['text/plain', 'application/json', 'application/json; charset=utf-16', 'nonsense', 'multipart/form-data; boundary=x', '']) {
    for (const method of ['POST', 'GET', 'DELETE', 'MERGE']) {
      const client = await buildRawClient(t, port)
      client.send(Buffer.concat([Buffer.from(`${method} / HTTP/1.1\r\nHost: h\r\nContent-Type: ${type}\r\nContent-Length: 256\r\n\r\n`), body]))
      t.match(await client.until('ok'), /^HTTP\/1\.1 200 /)
      const request = backend.requests.at(-1)
      t.strictSame(request?.body, body, `${method} ${type}`)
      t.match(request?.head, `Content-Type: ${type}\r\n`)
      client.socket.destroy()
    }
  }
})

t.test('keeps a chunked body chunked, and drops its trailers with their announcement', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxy\xff\r\n2;x=y\r\nzw\r\n0\r\nX-T: 1\r\nSSL_CLIENT_CERT: forged\r\n\r\n')
  await client.until('ok')
  const { head, body } = await backend.request(0)
  t.strictSame(fieldLines(head), ['host: h', 'connection: keep-alive', 'transfer-encoding: chunked'])
  t.match(body.toString('latin1'), /^[^]*\r\n0\r\n\r\n$/)
  t.equal(body.toString('latin1').replaceAll(/[0-9a-f]+\r\n/g, '').replaceAll('\r\n', ''), 'xy\xffzw')
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n')
  t.strictSame(fieldLines((await backend.request(1)).head), ['host: h', 'connection: keep-alive', 'content-length: 0'], 'an empty one has no length to tell')
})

t.test('refuses a transfer coding that it does not know', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n')
  t.match(await client.closed(), /^HTTP\/1\.1 501 [^]*POSTERN_ERR_FORWARD_CODING/)
  t.strictSame(backend.requests, [])
})

t.test('answers Expect: 100-continue once the back end takes the body, and does not forward it', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await client.until('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('body')
  t.match(await client.until('ok'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  const { head, body } = await backend.request(0)
  t.notMatch(head, /expect/i)
  t.equal(body.toString(), 'body')
})

t.test('sends no 100 where the request is refused, and closes the connection', async t => {
  const { port } = await buildForward(t, { to: 1 })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  t.match(await client.closed(), /^HTTP\/1\.1 502 [^]*Connection: close/)
  t.notMatch(client.received(), /100 Continue/)
})

t.test('sends 100 to a handler of the same application that parses the body', async t => {
  const { port } = await buildForward(t, {
    to: null, before: app => { app.post('/local', async ({ body, headers }) => ({ body, expect: headers.expect })) }
  })
  const client = await buildRawClient(t, port)
  client.send('POST /local HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n')
  await client.until('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('{}')
  t.match(await client.until('}}'), /HTTP\/1\.1 200 OK[^]*{"body":{}}$/)
})

t.test('refuses any other expectation with 417', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\nContent-Length: 4\r\n\r\n')
  t.match(await client.until('}'), /^HTTP\/1\.1 417 [^]*POSTERN_ERR_FORWARD_EXPECTATION/)
  t.strictSame(backend.requests, [])
})

t.test('refuses a body whose length is over the limit before the back end sees the request', async t => {
  const backend = await buildRawBackend(t)
  const { port } = await buildForward(t, { to: backend.port, forward: { maxBodyBytes: 1000 } })
  const client = await buildRawClient(t, port)
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n${'x'.repeat(1001)}`)
  t.match(await client.closed(), /^HTTP\/1\.1 413 [^]*POSTERN_ERR_FORWARD_BODY_TOO_LARGE/)
  t.strictSame(backend.requests, [])
  const other = await buildRawClient(t, port)
  other.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`)
  t.match(await other.until('ok'), /^HTTP\/1\.1 200 /)
})

t.test('counts chunked bodies: over the limit the back end never gets the end of the request', async t => {
  let received = ''
  const backend = await buildRawBackend(t, { onConnection: socket => { socket.on('data', chunk => { received += chunk.toString('latin1') }) } })
  const { port } = await buildForward(t, { to: backend.port, forward: { maxBodyBytes: 1000 } })
  const client = await buildRawClient(t, port)
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
  client.send(`258\r\n${'x'.repeat(600)}\r\n`)
  await until(() => received.includes('x'.repeat(600)))
  client.send(`258\r\n${'y'.repeat(600)}\r\n0\r\n\r\n`)
  t.match(await client.closed(), /^HTTP\/1\.1 413 /)
  if (!backend.sockets[0]?.closed) await once(backend.sockets[0] as Socket, 'close')
  t.notMatch(received, /\r\n0\r\n\r\n$/)
  t.strictSame(backend.requests, [])
})

t.test('passes an early answer on while the body is still coming, and closes after it', async t => {
  const backend = await buildRawBackend(t, { onHead: ({ socket }) => socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno') })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${MEBIBYTE + 1}\r\n\r\nx`)
  t.match(await client.until(/no$/), /^HTTP\/1\.1 401 Unauthorized\r\n[^]*Connection: close\r\n/)
  client.send(Buffer.alloc(MEBIBYTE, 'x'))
  t.match(await client.closed(), /no$/)
})

const LARGE = 32 * MEBIBYTE

t.test('takes at most 1 MiB from a client while the back end does not read', async t => {
  const backend = await buildRawBackend(t, { parse: false, onConnection: socket => socket.pause() })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${LARGE}\r\n\r\n`)
  const sent = await sendUntilStalled(client.socket)
  const taken = sent - 2 * await takenByKernel(t)
  t.ok(taken <= MEBIBYTE, `${taken} bytes were taken`)
  const [socket] = backend.sockets
  let bytes = 0
  socket?.on('data', chunk => { bytes += chunk.length }).resume()
  client.socket.write(Buffer.alloc(LARGE - sent - client.socket.writableLength))
  await until(() => bytes > LARGE)
  t.pass('the rest flows when the back end reads again')
})

t.test('takes at most 1 MiB from a back end while the client does not read', async t => {
  const backend = await buildRawBackend(t, { onRequest: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`) })
  const { port } = await buildForward(t, { to: backend.port })
  const client = await buildRawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  client.socket.pause()
  const { socket } = await backend.request(0)
  const sent = await sendUntilStalled(socket)
  const taken = sent - 2 * await takenByKernel(t)
  t.ok(taken <= MEBIBYTE, `${taken} bytes were taken`)
  client.socket.resume()
  socket.write(Buffer.alloc(LARGE - sent - socket.writableLength))
  await client.until(text => text.length > LARGE)
  t.pass('the rest flows when the client reads again')
})

async function until (done: () => boolean): Promise<void> {
  while (!done()) await setImmediate()
}

/** Writes until nothing is taken any more; returns how much was: written, less what waits in this process. */
async function sendUntilStalled (socket: Socket): Promise<number> {
  const part = Buffer.alloc(16 * 1024)
  let written = 0
  let quiet = 0
  while (written < LARGE && quiet < 2000) {
    if (socket.writableNeedDrain) {
      quiet++
    } else {
      quiet = 0
      socket.write(part)
      written += part.length
    }
    await setImmediate()
  }
  return written - socket.writableLength
}

/** What the socket buffers of one connection take when its reader stalls: nothing a program could change. */
async function takenByKernel (t: Test): Promise<number> {
  const stalled = await buildRawBackend(t, { parse: false, onConnection: socket => socket.pause() })
  const client = await buildRawClient(t, stalled.port)
  return await sendUntilStalled(client.socket)
}
