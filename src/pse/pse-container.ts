/**
 * The outer shell of a PSE: version, PIN check, decryption. It ends at the content, which is the same in all versions.
 */
import { createHash } from 'node:crypto'
import { errors } from '../errors.ts'
import { decrypt, encrypt } from './block-cipher.ts'
import { readAlgorithm, readDer, tag, type DerValue, type Fault } from './der-value.ts'
import { IterationBudget } from './iteration-budget.ts'
import { algorithmName, passwordOf, tripleDesKey } from './password-encryption.ts'
import { secudeCipher, secudeCipherWithCount, type PinCipher } from './secude.ts'

/** Where a PSE came from and what is to open it. */
export interface PseOptions {
  readonly file: string
  readonly pin: string | null
}

/** An opened PSE. */
export interface PseContent {
  readonly version: 2 | 4
  readonly content: DerValue
}

/** The encryption of all PSEs of SAP's programs. */
export const pbeWithSha1And3Des = '1.2.840.113549.1.12.1.3'
const desEde3Cbc = '1.2.840.113549.3.7'

/**
 * Opens `outer`, SEQUENCE { INTEGER version, container }. A PIN that is not needed is not looked at.
 *
 * @throws POSTERN_ERR_PSE_VERSION, PSE_LPS_PROTECTED, PSE_ENCRYPTION, PSE_PIN_REQUIRED, PSE_PIN_WRONG, PSE_PIN_WRONG_OR_DAMAGED,
 * PSE_DAMAGED, IDENTITY_ITERATIONS
 */
export function openPse (outer: DerValue, options: PseOptions): PseContent {
  const version = outer.child(0).integer('version')
  if (version === 256n) throw new errors.PSE_LPS_PROTECTED(options.file)
  const container = readContainer(outer.child(1), options.file)
  if (version === 4n) return { version: 4, content: openVersion4(container, options) }
  if (version !== 2n) throw new errors.PSE_VERSION(options.file, version.toString().slice(0, 20))
  return { version: 2, content: container.tag === tag.sequence ? container : openVersion2(container, options) }
}

/** From here on the file is a PSE, and what is wrong with it is damage. */
function readContainer ({ encoded, offset: start }: DerValue, file: string): DerValue {
  return readDer(encoded, (what, offset) => new errors.PSE_DAMAGED(file, `${what}, at byte ${start + offset}`))
}

/** [0] { OCTET STRING verifier, AlgorithmIdentifier OPTIONAL, OCTET STRING content }: the verifier is the encrypted PIN. */
function openVersion2 (container: DerValue, { file, pin }: PseOptions): DerValue {
  const { children } = container.expect(tag.context0, 'container of version 2')
  const verifier = container.child(0).octets('PIN verifier')
  const encrypted = container.child(-1).octets('encrypted content')
  if (pin === null) throw new errors.PSE_PIN_REQUIRED(file)
  const cipher = children.length === 2 ? secudeCipherWithCount(pin) : pinCipher(container.child(1), pin, file)
  if (!cipher.encrypt(Buffer.from(pin)).equals(verifier)) throw new errors.PSE_PIN_WRONG(file)
  const content = cipher.decrypt(encrypted)
  if (content === null) throw new errors.PSE_DAMAGED(file, 'the PIN is right, the padding of the encrypted content is not')
  return readDer(content, faultInContent(file))
}

/** [3] { INTEGER mode, AlgorithmIdentifier, OCTET STRING content, OCTET STRING SHA-1 of the plain content }. */
function openVersion4 (container: DerValue, { file, pin }: PseOptions): DerValue {
  const mode = container.expect(tag.context3, 'container of version 4').child(0).integer('encryption mode')
  const stored = container.child(2).octets('content')
  const digest = container.child(3).octets('digest of the content')
  if (mode > 1n) throw new errors.PSE_ENCRYPTION(file, `mode ${mode.toString().slice(0, 20)} of version 4`)
  if (mode === 0n) {
    if (!sha1(stored).equals(digest)) throw new errors.PSE_DAMAGED(file, 'the digest of the content differs')
    return readDer(stored, faultInContent(file))
  }
  if (pin === null) throw new errors.PSE_PIN_REQUIRED(file)
  const content = pinCipher(container.child(1), pin, file).decrypt(stored)
  // the digest is over the content without padding, so it also tells a padding that is right by chance
  if (content === null || !sha1(content).equals(digest)) throw new errors.PSE_PIN_WRONG_OR_DAMAGED(file)
  return readDer(content, faultInContent(file))
}

function pinCipher (algorithm: DerValue, pin: string, file: string): PinCipher {
  const { oid, parameters } = readAlgorithm(algorithm)
  if (oid === desEde3Cbc) return secudeCipher(pin)
  if (oid !== pbeWithSha1And3Des) throw new errors.PSE_ENCRYPTION(file, algorithmName(oid))
  if (parameters === null) throw algorithm.fault('parameters of the encryption are missing')
  const key = tripleDesKey(parameters, passwordOf(pin), new IterationBudget(file))
  return { encrypt: plaintext => encrypt(key, plaintext), decrypt: ciphertext => decrypt(key, ciphertext) }
}

function faultInContent (file: string): Fault {
  return (what, offset) => new errors.PSE_DAMAGED(file, `${what}, at byte ${offset} of the content`)
}

function sha1 (bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest()
}
