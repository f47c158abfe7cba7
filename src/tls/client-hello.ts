/**
 * Reads the server name out of the first bytes of a TLS connection, before any TLS library has seen them. Pure and incremental; it
 * neither consumes nor changes the bytes, and decides nothing but which identity is to answer.
 *
 * @see RFC 8446 sections 4.1.2 (ClientHello) and 5.1 (record layer), RFC 6066 section 3 (server name)
 */

/** What is known after the bytes so far. */
export type ClientHello =
  | { readonly state: 'incomplete' }
  /** `serverName` as it was sent; `null`: the client names none. */
  | { readonly state: 'complete', readonly serverName: string | null }
  /** Not the beginning of a TLS connection, or one that no TLS library would accept. */
  | { readonly state: 'invalid', readonly reason: string }

/** Limit for all bytes up to the end of the ClientHello. With the largest key shares in use it has about 2 KiB. */
export const maxClientHelloBytes = 16 * 1024

const recordHeaderBytes = 5
const messageHeaderBytes = 4
const handshakeRecord = 22
const clientHelloMessage = 1
const serverNameExtension = 0
const hostNameType = 0
const maxRecordBytes = 2 ** 14

const incomplete: ClientHello = { state: 'incomplete' }

/** Collects the first bytes of a connection until the ClientHello is complete. Work and memory are linear in the bytes, and bounded. */
export class ClientHelloReader {
  /** Bytes that are no complete record yet. They are joined only when a record is complete, so that a byte at a time stays cheap. */
  readonly #records = new Pieces()
  /** Contents of the records so far: the handshake message. */
  readonly #message = new Pieces()
  #totalBytes = 0
  #result: ClientHello = incomplete

  /** Takes the next bytes, and tells what is known now. After an end state further bytes change nothing. */
  push (bytes: Uint8Array): ClientHello {
    if (this.#result.state !== 'incomplete') return this.#result
    this.#totalBytes += bytes.length
    this.#records.add(bytes)
    this.#result = this.#read()
    if (this.#result.state === 'incomplete' && this.#totalBytes >= maxClientHelloBytes) this.#result = invalid('longer than 16 KiB')
    return this.#result
  }

  #read (): ClientHello {
    for (;;) {
      const header = this.#records.first(recordHeaderBytes)
      if (header === null) return incomplete
      const length = header.readUInt16BE(3)
      if (header[0] !== handshakeRecord || header[1] !== 3) return invalid('not a TLS handshake record')
      if (length === 0 || length > maxRecordBytes) return invalid('record length out of range')
      const record = this.#records.first(recordHeaderBytes + length)
      if (record === null) return incomplete
      this.#message.add(record.subarray(recordHeaderBytes))
      this.#records.drop(record.length)
      const result = this.#readMessage()
      if (result.state !== 'incomplete') return result
    }
  }

  #readMessage (): ClientHello {
    const header = this.#message.first(messageHeaderBytes)
    if (header === null) return incomplete
    if (header[0] !== clientHelloMessage) return invalid('not a ClientHello')
    const length = messageHeaderBytes + header.readUIntBE(1, 3)
    if (length > maxClientHelloBytes) return invalid('longer than 16 KiB')
    const message = this.#message.first(length)
    return message === null ? incomplete : readServerName(message.subarray(messageHeaderBytes))
  }
}

/** Bytes that arrive in pieces. */
class Pieces {
  #pieces: Uint8Array[] = []
  #length = 0

  add (piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** The first bytes, or `null` if there are fewer. Joins pieces only when the first one is too short. */
  first (length: number): Buffer | null {
    if (this.#length < length) return null
    if ((this.#pieces[0] as Uint8Array).length < length) this.#pieces = [Buffer.concat(this.#pieces)]
    const { buffer, byteOffset } = this.#pieces[0] as Uint8Array
    return Buffer.from(buffer, byteOffset, length)
  }

  /** Removes bytes that {@link Pieces.first} has joined. */
  drop (length: number): void {
    this.#pieces[0] = (this.#pieces[0] as Uint8Array).subarray(length)
    this.#length -= length
  }
}

function readServerName (hello: Buffer): ClientHello {
  const reader = new Vectors(hello)
  reader.skip(2 + 32) // legacy_version, random
  reader.vector(1) // legacy_session_id
  reader.vector(2) // cipher_suites
  reader.vector(1) // legacy_compression_methods
  // TLS 1.2 clients may leave the extensions out
  const extensions = reader.atEnd ? Buffer.alloc(0) : reader.vector(2)
  if (reader.failed || !reader.atEnd) return invalid('malformed ClientHello')
  return serverNameOf(new Vectors(extensions))
}

function serverNameOf (extensions: Vectors): ClientHello {
  let found: Buffer | null = null
  while (!extensions.atEnd && !extensions.failed) {
    const type = extensions.number(2)
    const data = extensions.vector(2)
    if (type !== serverNameExtension) continue
    if (found !== null) return invalid('more than one server name extension')
    found = data
  }
  if (extensions.failed) return invalid('malformed extensions')
  return found === null ? { state: 'complete', serverName: null } : hostNameOf(found)
}

/** RFC 6066: a list with names of different types; no two of one type, and no type but host_name was ever defined. */
function hostNameOf (extension: Buffer): ClientHello {
  const outer = new Vectors(extension)
  const list = new Vectors(outer.vector(2))
  const type = list.number(1)
  const name = list.vector(2)
  if (outer.failed || !outer.atEnd || list.failed || !list.atEnd || type !== hostNameType) return invalid('malformed server name')
  if (name.length === 0 || name.length > 255 || name.some(byte => byte <= 0x20 || byte >= 0x7f)) return invalid('server name is not a host name')
  return { state: 'complete', serverName: name.toString('latin1') }
}

function invalid (reason: string): ClientHello {
  return { state: 'invalid', reason }
}

/** Reads the vectors of the TLS presentation language (RFC 8446 section 3.4). Reading past the end fails once and for all. */
class Vectors {
  failed = false
  #offset = 0
  readonly #bytes: Buffer

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd (): boolean {
    return this.#offset >= this.#bytes.length
  }

  number (size: 1 | 2): number {
    const bytes = this.skip(size)
    return bytes.length < size ? 0 : bytes.readUIntBE(0, size)
  }

  vector (lengthBytes: 1 | 2): Buffer {
    return this.skip(this.number(lengthBytes))
  }

  skip (length: number): Buffer {
    const end = this.#offset + length
    if (end > this.#bytes.length) this.failed = true
    if (this.failed) return Buffer.alloc(0)
    const part = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return part
  }
}
