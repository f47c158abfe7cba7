import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { errors } from '../errors.ts'
import type { Identity, IdentityContent, IdentityFormat } from '../pse/identity.ts'
import type { PseRest } from '../pse/pse-rest.ts'
import { readIdentity } from '../pse/read-identity.ts'
import { differenceBetween, writeIdentity, type WrittenFile } from '../pse/write-identity.ts'
import { usage, type CommandLine, type Syntax } from './command-line.ts'
import type { OpenIdentity } from './open-identity.ts'
import { removeFile, replaceFile } from './replace-file.ts'
import type { Tool } from './tool.ts'

/** Where and how an identity is stored. */
export interface Destination {
  readonly path: string
  readonly format: IdentityFormat
  /** `null` for a file without protection. */
  readonly pin: string | null
  /** Refuse where there is a file already. */
  readonly create: boolean
  /** What the file held when it was read, for a change of it. */
  readonly before?: Buffer | undefined
  /** What the PSE that is replaced holds beside its identity. */
  readonly rest?: PseRest | undefined
}

const formats: Readonly<Record<string, IdentityFormat>> = { pse: 'pse-v2', v2: 'pse-v2', 'pse-v2': 'pse-v2', v4: 'pse-v4', 'pse-v4': 'pse-v4', p12: 'pkcs12', pkcs12: 'pkcs12', pem: 'pem' }
const extensions: Readonly<Record<string, IdentityFormat>> = { '.p12': 'pkcs12', '.pfx': 'pkcs12', '.pem': 'pem' }

/** The format of a new file: `-f`, else what its name ends in, else PSE version 2. */
export function formatOf (syntax: Syntax, line: CommandLine, path: string): IdentityFormat {
  const wanted = line.value('format')
  if (wanted === null) return extensions[extname(path).toLowerCase()] ?? 'pse-v2'
  return formats[wanted.toLowerCase()] ?? usage(syntax, `-f ${wanted}: expected pse-v2, pse-v4, pkcs12 or pem`)
}

/**
 * Writes an identity, and reads it back before it takes the place of the old one.
 *
 * @returns what was read back: a PSE keeps its trust list in an order of its own
 * @throws POSTERN_ERR_IDENTITY_UNWRITABLE, IDENTITY_PIN_UNWRITABLE, PSE_KEY_UNWRITABLE, PSE_TOOL_PEM_TRUST and what `replaceFile` throws
 */
export async function storeIdentity (identity: IdentityContent, { path, format, pin, create, before, rest }: Destination): Promise<Identity> {
  const bytes = inOneFile(identity, writeIdentity(identity, { format, pin, ...rest === undefined ? {} : { rest } }), { path, pin })
  if (bytes === null) throw new errors.PSE_TOOL_PEM_TRUST(path)
  return await writeChecked(identity, bytes, { path, pin, create, before })
}

/**
 * As `storeIdentity`; a trust list that does not fit into the file goes into one beside it, in PEM.
 *
 * @returns the path of that file, `null` when there is none
 */
export async function storeWithTrustBeside (identity: IdentityContent, destination: Destination, tool: Tool): Promise<string | null> {
  const { path, format, pin, create } = destination
  const files = writeIdentity(identity, { format, pin })
  const single = inOneFile(identity, files, destination)
  if (single !== null) {
    await writeChecked(identity, single, destination)
    return null
  }
  const trustFile = `${path.slice(0, path.length - extname(path).length)}-trust.pem`
  const [own, trust] = [contentOf(files, 'identity'), contentOf(files, 'trust')]
  if (create) await requireFree(path)
  await replaceFile(trustFile, trust, { mode: 0o600, create, check: () => {} })
  try {
    await writeChecked({ ...identity, trusted: [] }, own, { path, pin, create })
  } catch (error) {
    if (create) await removeFile(trustFile, trust)
    throw error
  }
  tool.note(`trusted certificates ${trustFile}: PEM has no place for trusted certificates that lead up from the own one; postern/trust_<xx> = PSE=<name>, CERTS=<that file> adds them`)
  return trustFile
}

/**
 * Asked before a PIN is, and a key is made; whoever writes asks again.
 *
 * @throws POSTERN_ERR_PSE_TOOL_EXISTS
 */
export async function requireFree (path: string): Promise<void> {
  if (await stat(path).then(() => true, () => false)) throw new errors.PSE_TOOL_EXISTS(path)
}

/** Writes an identity again in its format, with its PIN, and keeps what the file holds beside it. Returns what was read back. */
export async function storeChanged (opened: OpenIdentity, changed: Partial<IdentityContent>): Promise<Identity> {
  const { path, bytes, pin, identity, rest } = opened
  return await storeIdentity({ ...identity, ...changed }, { path, pin, format: identity.source.format, create: false, before: bytes, rest })
}

async function writeChecked (identity: IdentityContent, bytes: Buffer, { path, pin, create, before }: Pick<Destination, 'path' | 'pin' | 'create' | 'before'>): Promise<Identity> {
  const stored: Identity[] = []
  await replaceFile(path, bytes, {
    mode: 0o600,
    create,
    ...before === undefined ? {} : { before },
    check: written => {
      // asked twice, of the same bytes; deriving a key takes its time
      if (stored.length > 0) return
      const read = readIdentity(written, { file: path, pin })
      const difference = differenceBetween(identity, read)
      if (difference !== null) throw new errors.IDENTITY_UNWRITABLE(path, `${difference} is another one`)
      stored.push(read)
    }
  })
  return stored[0] as Identity
}

/** The files as one, `null` when that would be read as another identity. */
function inOneFile (identity: IdentityContent, files: readonly WrittenFile[], { path, pin }: Pick<Destination, 'path' | 'pin'>): Buffer | null {
  const [file, ...others] = files
  // one file was compared by the one who wrote it
  if (others.length === 0 && file?.role === 'identity') return file.bytes
  const bytes = Buffer.concat(files.map(file => file.bytes))
  return differenceBetween(identity, readIdentity(bytes, { file: path, pin })) === null ? bytes : null
}

function contentOf (files: readonly WrittenFile[], role: WrittenFile['role']): Buffer {
  return Buffer.concat(files.filter(file => file.role === role).map(({ bytes }) => bytes))
}

/** The identity, if there is a key in it. */
export function requireKey ({ privateKey, certificate, source }: Identity): { privateKey: NonNullable<Identity['privateKey']>, certificate: Buffer } {
  if (privateKey === null || certificate === null) throw new errors.PSE_TOOL_NO_KEY(source.file)
  return { privateKey, certificate }
}
