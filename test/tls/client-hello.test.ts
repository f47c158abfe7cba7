import { duplexPair } from 'node:stream'
import tls from 'node:tls'
import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { ClientHelloReader, maxClientHelloBytes, type ClientHello } from '../../src/tls/client-hello.ts'

/** The first bytes that Node's client sends for a server name. */
async function realHello (options: tls.ConnectionOptions): Promise<Buffer> {
  const [ours, theirs] = duplexPair()
  const client = tls.connect({ ...options, socket: theirs })
  client.on('error', () => {})
  const [bytes] = await once(ours, 'data') as [Buffer]
  client.destroy()
  return bytes
}

function vector (lengthBytes: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const length = Buffer.alloc(lengthBytes)
  length.writeUIntBE(content.length, 0, lengthBytes)
  return Buffer.concat([length, content])
}

const extension = (type: number, data: Uint8Array) => Buffer.concat([Buffer.from([type >> 8, type & 0xff]), vector(2, data)])
const serverName = (name: string | Uint8Array, type = 0) => extension(0, vector(2, Buffer.from([type]), vector(2, Buffer.from(name as string))))

function helloBody (extensions: Uint8Array[] | null): Buffer {
  const fixed = [Buffer.from([3, 3]), Buffer.alloc(32, 7), vector(1, Buffer.alloc(32)), vector(2, Buffer.from([0x13, 1])), vector(1, Buffer.from([0]))]
  return Buffer.concat(extensions === null ? fixed : [...fixed, vector(2, ...extensions)])
}

const message = (body: Uint8Array, type = 1) => Buffer.concat([Buffer.from([type]), vector(3, body)])

/** Cuts a message into records of at most `size` bytes. */
function records (bytes: Buffer, size = 16384, header = Buffer.from([22, 3, 1])): Buffer {
  const list: Buffer[] = []
  for (let i = 0; i < bytes.length; i += size) list.push(header, vector(2, bytes.subarray(i, i + size)))
  return Buffer.concat(list)
}

function readAll (bytes: Buffer, step = bytes.length): ClientHello {
  const reader = new ClientHelloReader()
  let result = reader.push(Buffer.alloc(0))
  for (let i = 0; i < bytes.length; i += step) result = reader.push(bytes.subarray(i, i + step))
  return result
}

t.test('reads the server name that Node\'s client sends, in whatever pieces it comes', async t => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const hello = await realHello({ servername: 'shop.example', maxVersion })
    for (const step of [1, 2, 3, 5, 7, 100, hello.length]) {
      t.strictSame(readAll(hello, step), { state: 'complete', serverName: 'shop.example' }, `${maxVersion}, ${step} bytes at a time`)
    }
    t.strictSame(readAll(hello.subarray(0, -1), 64), { state: 'incomplete' }, 'one byte is missing')
  }
  t.strictSame(readAll(await realHello({})), { state: 'complete', serverName: null }, 'no server name')
})

t.test('a ClientHello may span records', async t => {
  const hello = message(helloBody([extension(10, Buffer.from([0, 2, 0, 29])), serverName('a.example')]))
  for (const size of [1, 2, 3, 4, 5, 50]) {
    for (const step of [1, 3, 1000]) t.strictSame(readAll(records(hello, size), step), { state: 'complete', serverName: 'a.example' }, `records of ${size}, ${step} bytes at a time`)
  }
})

t.test('nothing changes after the end', async t => {
  const reader = new ClientHelloReader()
  const done = reader.push(records(message(helloBody([serverName('a.example')]))))
  t.equal(reader.push(Buffer.from('more')), done)
})

t.test('tells what is no ClientHello', async t => {
  const sni = serverName('a.example')
  const complete = (name: string | null): ClientHello => ({ state: 'complete', serverName: name })
  const rows: Array<[string, Buffer, ClientHello | RegExp]> = [
    ['without extensions (RFC 5246)', records(message(helloBody(null))), complete(null)],
    ['with an empty list of extensions', records(message(helloBody([]))), complete(null)],
    ['name of 255 characters', records(message(helloBody([serverName('a'.repeat(255))]))), complete('a'.repeat(255))],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /handshake record/],
    ['an alert', records(message(helloBody([sni])), 16384, Buffer.from([21, 3, 1])), /handshake record/],
    ['SSL 2.0', Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 0x15]), /handshake record/],
    ['version 2.1 in the record', records(message(helloBody([sni])), 16384, Buffer.from([22, 2, 1])), /handshake record/],
    ['empty record', Buffer.from([22, 3, 1, 0, 0]), /length/],
    ['record too long', Buffer.from([22, 3, 1, 0x40, 1]), /length/],
    ['another handshake message', records(message(helloBody([sni]), 2)), /not a ClientHello/],
    ['a message of 16 MiB', records(Buffer.from([1, 0xff, 0xff, 0xff])), /16 KiB/],
    ['body cut short', records(message(helloBody([sni]).subarray(0, 60))), /malformed/],
    ['empty body', records(message(Buffer.alloc(0))), /malformed/],
    ['bytes behind the extensions', records(message(Buffer.concat([helloBody([sni]), Buffer.from([0])]))), /malformed/],
    ['extension longer than the list', records(message(helloBody([Buffer.from([0, 10, 0, 9, 1])]))), /malformed/],
    ['two server name extensions', records(message(helloBody([sni, serverName('b.example')]))), /more than one/],
    ['two names in the list', records(message(helloBody([extension(0, vector(2, Buffer.from([0]), vector(2, Buffer.from('a')), Buffer.from([0]), vector(2, Buffer.from('b'))))]))), /malformed server name/],
    ['name of another type', records(message(helloBody([serverName('a.example', 1)]))), /malformed server name/],
    ['empty list of names', records(message(helloBody([extension(0, Buffer.from([0, 0]))]))), /malformed server name/],
    ['empty extension', records(message(helloBody([extension(0, Buffer.alloc(0))]))), /malformed server name/],
    ['empty name', records(message(helloBody([serverName('')]))), /host name/],
    ['name of 256 characters', records(message(helloBody([serverName('a'.repeat(256))]))), /host name/],
    ['NUL in the name', records(message(helloBody([serverName('a\0b')]))), /host name/],
    ['bytes above ASCII', records(message(helloBody([serverName(Buffer.from([0xc3, 0xa4]))]))), /host name/]
  ]
  for (const [title, bytes, expected] of rows) {
    for (const step of [1, bytes.length]) {
      const result = readAll(bytes, step)
      if (expected instanceof RegExp) t.match(result, { state: 'invalid', reason: expected }, title)
      else t.strictSame(result, expected, title)
    }
  }
})

t.test('is bounded: 16 KiB without an end are no ClientHello', async t => {
  const reader = new ClientHelloReader()
  const oneByteRecord = Buffer.from([22, 3, 1, 0, 1, 1])
  let pushed = 0
  let result = reader.push(records(Buffer.from([1, 0, 0x3f, 0])))
  while (result.state === 'incomplete' && pushed < maxClientHelloBytes) {
    result = reader.push(oneByteRecord)
    pushed += oneByteRecord.length
  }
  t.match(result, { state: 'invalid', reason: /16 KiB/ })
})

t.test('any bytes give a result, the same one in whatever pieces they come', async t => {
  const extensions = fc.array(fc.oneof(
    fc.string({ maxLength: 40 }).map(name => serverName(name)),
    fc.tuple(fc.nat(65535), fc.uint8Array({ maxLength: 60 })).map(([type, data]) => extension(type, data)),
    fc.uint8Array({ maxLength: 8 }).map(bytes => Buffer.from(bytes))
  ), { maxLength: 5 })
  const hello = fc.tuple(fc.option(extensions), fc.integer({ min: 1, max: 300 })).map(([list, size]) => records(message(helloBody(list)), size))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(raw => Buffer.from(raw)),
    hello,
    fc.tuple(hello, fc.nat(), fc.nat(255)).map(([raw, position, value]) => { raw[position % raw.length] = value; return raw })
  )
  fc.assert(fc.property(bytes, fc.integer({ min: 1, max: 50 }), (raw, step) => {
    const whole = readAll(raw)
    const pieces = readAll(raw, step)
    if (JSON.stringify(whole) !== JSON.stringify(pieces)) return false
    return whole.state !== 'complete' || whole.serverName === null || /^[\x21-\x7e]{1,255}$/.test(whole.serverName)
  }), { numRuns: 2000 })
})
