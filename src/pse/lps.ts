/** Local Protected Storage: the form of a credential whose key the host keeps. Only the fallback, which keeps it nowhere, opens elsewhere. */
import { createHash, createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { errors } from '../errors.ts'
import { decrypt, encrypt } from './block-cipher.ts'
import type { CredentialQuery } from './cred-v2.ts'
import type { RandomSource } from './write-options.ts'

/** A constant of CommonCryptoLib. */
const fallbackSecret = Buffer.from('e76ad2ce4ba7c79ef9795fa82e6eaa1d76022ecdd7743851', 'hex')

const macBytes = 20
const checksumBytes = 4
const blobVersion = 2

/**
 * Opens a blob of LPS: version, mode, five fields with lengths of two bytes, HMAC, CRC-32.
 *
 * @returns the PIN, or `null` when the credential is another user's. The restriction to a user is no part of the key, but the HMAC covers it.
 * @throws POSTERN_ERR_CREDV2_DAMAGED, CREDV2_MODE, CREDV2_WINDOWS_ONLY, CREDV2_TPM
 */
export function openLps (blob: Buffer, { file, pse, user }: CredentialQuery): string | null {
  const damaged = (what: string) => new errors.CREDV2_DAMAGED(file, pse, what)
  const checksumStart = blob.length - checksumBytes
  if (checksumStart < 2 || crc32(blob.subarray(0, checksumStart)) !== blob.readUInt32BE(checksumStart)) throw damaged('its checksum differs')
  const [version, mode] = blob as unknown as [number, number]
  if (version !== blobVersion || mode > 2) throw new errors.CREDV2_MODE(file, pse, `version ${version}, mode ${mode}`)
  if (mode === 1) throw new errors.CREDV2_WINDOWS_ONLY(file, pse)
  if (mode === 2) throw new errors.CREDV2_TPM(file, pse)
  const fields = readFields(blob.subarray(0, checksumStart))
  if (fields === null) throw damaged('its fields do not end where its HMAC starts')
  const [context, restriction, wrappedKey, , data] = fields
  const dataKey = decryptBlocks(wrappingKey(context), wrappedKey)
  const macStart = checksumStart - macBytes
  if (dataKey?.length !== 16 || !hmac(sha1(dataKey), blob.subarray(0, macStart)).equals(blob.subarray(macStart, checksumStart))) throw damaged('its HMAC differs')
  if (!isFor(user, restriction.toString())) return null
  const plain = decryptBlocks(dataKey, data)
  // one byte that counts random bytes, the random bytes, the PIN
  const pinStart = 1 + (plain?.[0] ?? 0)
  if (plain === null || pinStart > plain.length) throw damaged('its data cannot be read')
  return plain.subarray(pinStart).toString()
}

/**
 * Writes a blob in fallback mode (INT).
 *
 * @param random is asked for the data key (16 bytes), then for the bytes that fill the last block (0 to 15)
 */
export function sealLps (pin: string, user: string, random: RandomSource): Buffer {
  const context = Buffer.from('CredEncryption')
  const dataKey = random(16)
  const text = Buffer.from(pin)
  const count = 15 - text.length % 16
  const data = Buffer.concat([Buffer.from([count]), random(count), text])
  const fields = [context, Buffer.from(`(user=${user})`), encryptBlocks(wrappingKey(context), dataKey), Buffer.alloc(0), encryptBlocks(dataKey, data)]
  const body = Buffer.concat([Buffer.from([blobVersion, 0]), ...fields.flatMap(field => [bigEndian(field.length, 2), field])])
  const withMac = Buffer.concat([body, hmac(sha1(dataKey), body)])
  return Buffer.concat([withMac, bigEndian(crc32(withMac), checksumBytes)])
}

/** What a blob says about itself in the clear; `null` when it is damaged. */
export function describeLps (blob: Buffer): { mode: number, user: string | null } | null {
  const checksumStart = blob.length - checksumBytes
  if (checksumStart < 2 || crc32(blob.subarray(0, checksumStart)) !== blob.readUInt32BE(checksumStart)) return null
  const fields = blob[0] === blobVersion ? readFields(blob.subarray(0, checksumStart)) : null
  return fields === null ? null : { mode: blob[1]!, user: ownerOf(fields[1].toString()) }
}

type Fields = [context: Buffer, restriction: Buffer, wrappedKey: Buffer, unknown: Buffer, data: Buffer]

function readFields (blob: Buffer): Fields | null {
  const fields: Buffer[] = []
  let position = 2
  while (fields.length < 5) {
    if (position + 2 > blob.length) return null
    const end = position + 2 + blob.readUInt16BE(position)
    fields.push(blob.subarray(position + 2, end))
    position = end
  }
  return position + macBytes === blob.length ? fields as Fields : null
}

/** A restriction of another kind than the known one says nothing about users. */
function isFor (user: string, restriction: string): boolean {
  const owner = ownerOf(restriction)
  return owner === null || owner === user
}

function ownerOf (restriction: string): string | null {
  return /^\(user=(.*)\)$/.exec(restriction)?.[1] ?? null
}

function wrappingKey (context: Buffer): Buffer {
  return hmac(sha1(fallbackSecret), context).subarray(0, 16)
}

function encryptBlocks (key: Buffer, blocks: Buffer): Buffer {
  return encrypt({ cipher: 'aes-128-cbc', key, iv: Buffer.alloc(16), paddingless: true }, blocks)
}

function bigEndian (value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

function decryptBlocks (key: Buffer, blocks: Buffer): Buffer | null {
  return decrypt({ cipher: 'aes-128-cbc', key, iv: Buffer.alloc(16), paddingless: true }, blocks)
}

function sha1 (bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest()
}

function hmac (key: Buffer, message: Buffer): Buffer {
  return createHmac('sha1', key).update(message).digest()
}
