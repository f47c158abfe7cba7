/** Writes cred_v2 files: credentials without LPS in both cipher versions, and with the fallback of LPS. */
import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { bits, ia5, int, oid, printable, seq, set, utf8 } from './der.ts'

/** One credential. */
export interface Credential {
  readonly pse: string
  readonly user: string
  readonly pin: string
  /** `v1-3des`, `v1-aes`: version 1. */
  readonly cipher: 'v0' | 'v1-3des' | 'v1-aes' | 'lps'
  /** Texts behind the PIN. */
  readonly options?: readonly string[]
  /** Replaces what is encrypted. */
  readonly plain?: Buffer
  /** Replaces the encrypted PIN. */
  readonly blob?: (blob: Buffer) => Buffer
}

/** Writes the file. */
export function mintCredentials (...credentials: readonly Credential[]): Buffer {
  return seq(...credentials.map(credential => {
    const blob = (credential.blob ?? (blob => blob))(encrypted(credential))
    if (credential.cipher !== 'lps') return seq(ia5('CN=test'), ia5(''), ia5(credential.pse), ia5(''), bits(blob))
    return seq(int(2), seq(set(seq(oid('2.5.4.3'), printable('test')))), utf8(credential.pse), bits(blob))
  }))
}

function encrypted ({ cipher, user, pin, options = [], plain = seq(...[pin, ...options].map(ia5)) }: Credential): Buffer {
  if (cipher === 'v0') return encrypt('des-ede3-cbc', v0Key(user), Buffer.alloc(8), plain)
  return cipher === 'lps' ? lpsBlob({ pin, restriction: `(user=${user})` }) : version1(cipher, user, plain)
}

const [start, end] = ['240657rsga&/', 'rwthgrtawe45hhtrtrsr35467b2dx3456j67mv67f89656f75']

function v0Key (user: string): Buffer {
  return Buffer.from(start + user + end).subarray(0, 24)
}

function version1 (cipher: 'v1-3des' | 'v1-aes', user: string, plain: Buffer): Buffer {
  const aes = cipher === 'v1-aes'
  const head = Buffer.concat([Buffer.from(aes ? [1, 1, 0, 0] : [1, 0, 1, 0]), Buffer.alloc(16, 0x5a)])
  const hashed = createHash('sha256').update(Buffer.concat([Buffer.from(`${start}%s${end}`), head, stream(Buffer.from(user), 0x5an)])).digest()
  const key = stream(hashed, 0x5an)
  const iv = Buffer.alloc(aes ? 16 : 8, 7)
  const masked = stream(plain, 0x64fb914en)
  return Buffer.concat([head, iv, aes ? encrypt('aes-256-cbc', key, iv, masked) : encrypt('des-ede3-cbc', key.subarray(0, 24), iv, masked)])
}

function stream (bytes: Buffer, seed: bigint): Buffer {
  let state = seed
  return Buffer.from(bytes.map(byte => {
    state = (state * 0x15a4e35n + 1n) & 0xffffffffn
    return byte ^ Number(state & 0xffn)
  }))
}

/** Fields of a blob of LPS. */
export interface LpsParts {
  readonly pin?: string
  readonly restriction?: string
  readonly version?: number
  readonly mode?: number
  /** Replaces the count byte, random bytes and PIN. */
  readonly data?: Buffer
  /** Length of the last field, if it is to be a lie. */
  readonly dataLength?: number
}

/** A blob of LPS in fallback mode, with HMAC and checksum that fit what was written. */
export function lpsBlob ({ pin = '', restriction = '(user=user)', version = 2, mode = 0, data, dataLength }: LpsParts): Buffer {
  const constant = Buffer.from('e76ad2ce4ba7c79ef9795fa82e6eaa1d76022ecdd7743851', 'hex')
  const context = Buffer.from('CredEncryption')
  const wrappingKey = createHmac('sha1', createHash('sha1').update(constant).digest()).update(context).digest().subarray(0, 16)
  const dataKey = Buffer.alloc(16, 0x33)
  const count = 15 - pin.length % 16
  const plain = data ?? Buffer.concat([Buffer.from([count]), Buffer.alloc(count, 0xee), Buffer.from(pin)])
  const fields = [context, Buffer.from(restriction), encrypt('aes-128-cbc', wrappingKey, Buffer.alloc(16), dataKey, false), Buffer.alloc(0),
    encrypt('aes-128-cbc', dataKey, Buffer.alloc(16), plain, false)]
  const withLengths = fields.flatMap((field, i) => [uint(i === 4 ? dataLength ?? field.length : field.length, 2), field])
  const body = Buffer.concat([Buffer.from([version, mode]), ...withLengths])
  return withChecksum(Buffer.concat([body, createHmac('sha1', createHash('sha1').update(dataKey).digest()).update(body).digest()]))
}

/** Adds the CRC-32. */
export function withChecksum (blob: Buffer): Buffer {
  return Buffer.concat([blob, uint(crc32(blob), 4)])
}

function uint (value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

function encrypt (cipher: string, key: Buffer, iv: Buffer, plain: Buffer, padding = true): Buffer {
  const encipher = createCipheriv(cipher, key, iv).setAutoPadding(padding)
  return Buffer.concat([encipher.update(plain), encipher.final()])
}
