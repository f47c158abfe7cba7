/** The outer shell of a PSE, written: the counterpart of `pse-container.ts`. The encryption of SECUDE has no counterpart here. */
import { createHash } from 'node:crypto'
import { encrypt } from './block-cipher.ts'
import { encodeDer, tag } from './der-value.ts'
import { derAlgorithm, derInteger, derOctets, derSequence } from './der-write.ts'
import { IterationBudget } from './iteration-budget.ts'
import { deriveTripleDes, passwordOf, tripleDesRounds } from './password-encryption.ts'
import { pbeWithSha1And3Des } from './pse-container.ts'
import { requireAsciiPin, systemRandom, type RandomSource } from './write-options.ts'

/** How a PSE is protected. */
export interface PseSeal {
  /** Default 2, which is SAP's. */
  readonly version?: 2 | 4
  /** `null`: the file is not encrypted. */
  readonly pin: string | null
  /** Iterations of the key derivation, 1 to 333 333, which is all that readers accept. Default 10 000, as in all files of SAP's programs. */
  readonly iterations?: number
  /** Asked once, for the 8 bytes of the salt. Default: the operating system. */
  readonly random?: RandomSource
}

const saltBytes = 8
const defaultIterations = 10_000

/**
 * Writes a PSE around its content.
 *
 * @param makeContent makes the content; it repeats the AlgorithmIdentifier, which is there in a PSE without PIN as well
 * @throws POSTERN_ERR_IDENTITY_PIN_UNWRITABLE, IDENTITY_ITERATIONS
 */
export function sealPse (makeContent: (algorithm: Buffer) => Buffer, seal: PseSeal): Buffer {
  const { version = 2, pin, iterations = defaultIterations, random = systemRandom } = seal
  new IterationBudget('PSE').spend(BigInt(iterations), tripleDesRounds(24))
  const salt = random(saltBytes)
  const algorithm = derAlgorithm(pbeWithSha1And3Des, derSequence(derOctets(salt), derInteger(iterations)))
  const content = makeContent(algorithm)
  const encryptWithPin = pin === null ? null : pinCipher(requireAsciiPin(pin, 'a PSE'), { salt, iterations })
  if (version === 4) return derSequence(derInteger(4), version4(content, algorithm, encryptWithPin))
  if (pin === null || encryptWithPin === null) return derSequence(derInteger(2), content)
  return derSequence(derInteger(2), encodeDer(tag.context0, derOctets(encryptWithPin(Buffer.from(pin))), algorithm, derOctets(encryptWithPin(content))))
}

type Encrypt = (plain: Buffer) => Buffer

/** The digest is over the plain content, whether it is encrypted or not. */
function version4 (content: Buffer, algorithm: Buffer, encryptWithPin: Encrypt | null): Buffer {
  const mode = derInteger(encryptWithPin === null ? 0 : 1)
  const digest = createHash('sha1').update(content).digest()
  return encodeDer(tag.context3, mode, algorithm, derOctets(encryptWithPin === null ? content : encryptWithPin(content)), derOctets(digest))
}

function pinCipher (pin: string, derivation: { readonly salt: Buffer, readonly iterations: number }): Encrypt {
  const key = deriveTripleDes({ ...derivation, password: passwordOf(pin), keyBytes: 24 })
  return plain => encrypt(key, plain)
}
