/** Reads identities from files. The only file of this room that does. */
import { open, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errors } from '../errors.ts'
import type { IdentityPlan, PinSource } from '../gateway/plan.ts'
import type { Certificate } from '../x509/certificate.ts'
import { readPin } from './cred-v2.ts'
import type { Identity, IdentityWarning, ReadIdentity } from './identity.ts'
import { readAtMost } from './read-at-most.ts'
import { isPinRequired, isPinWrong, readIdentityWithWarnings } from './read-identity.ts'
import { readTrustFile } from './trust-file.ts'

/** What the commonest faults of files mean, and what was expected. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; expected one that this process may read',
  EACCES: 'the user of this process may not; expected read permission for it',
  EISDIR: 'it is a directory; expected a file'
}

/** Where PINs are looked for. */
export interface LoadContext {
  /** Login name of the owner of the process: whose credentials of `cred_v2` are used, unless the plan names another user. */
  readonly user: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Largest file that is read: a trust list of some thousand certificates. */
const maxFileBytes = 4 * 1024 * 1024

/**
 * Loads an identity with the certificates that its trust list is extended by.
 *
 * The PIN sources are tried in their order, and only if the file needs a PIN. Links are followed and each file is read from one open
 * handle, so secrets that are exchanged by moving a link are never half old and half new.
 *
 * @throws POSTERN_ERR_IDENTITY_UNREADABLE, IDENTITY_TOO_LARGE, IDENTITY_PIN_SOURCE, CREDV2_..., TRUST_INVALID and what `readIdentity` throws
 */
export async function loadIdentity (plan: Pick<IdentityPlan, 'file' | 'pin' | 'additionalTrust'>, context: LoadContext): Promise<ReadIdentity> {
  const file = await readFile(plan.file)
  const opened = await openWithPin(file, plan, context)
  const { identity } = opened
  const additional = (await Promise.all(plan.additionalTrust.map(readTrust))).flat()
  const trusted = [...new Map([...identity.trusted, ...additional.map(({ der }) => der)].map(der => [der.toString('latin1'), der])).values()]
  return { ...opened, identity: { ...identity, trusted } }
}

/** One file, read from one open handle. */
export interface FileContent {
  readonly path: string
  readonly bytes: Buffer
  /** Whether others than the owner may read it. */
  readonly exposed: boolean
}

/**
 * Reads a file of at most 4 MiB.
 *
 * @throws POSTERN_ERR_IDENTITY_UNREADABLE, IDENTITY_TOO_LARGE
 */
export async function readFile (path: string): Promise<FileContent> {
  try {
    await using handle = await open(path)
    const { size, mode } = await handle.stat()
    if (size > maxFileBytes) throw new errors.IDENTITY_TOO_LARGE(path, size, maxFileBytes)
    const bytes = await readAtMost(handle, maxFileBytes)
    if (bytes.length > maxFileBytes) throw new errors.IDENTITY_TOO_LARGE(path, bytes.length, maxFileBytes)
    return { path, bytes, exposed: (mode & 0o044) !== 0 }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** The system's own message repeats the path and names the call; its code says the same to more people. */
function unreadable (path: string, error: unknown): Error {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return code.startsWith('POSTERN_') ? error as Error : new errors.IDENTITY_UNREADABLE(path, reasons[code] ?? code)
}

async function openWithPin (file: FileContent, { pin: sources }: Pick<IdentityPlan, 'pin'>, context: LoadContext): Promise<ReadIdentity> {
  try {
    const opened = readIdentityWithWarnings(file.bytes, { file: file.path, pin: null })
    return withWarnings(opened, exposedKey(file, opened.identity))
  } catch (error) {
    const usable = sources.filter((source): source is UsablePinSource => source.from !== 'none')
    if (!isPinRequired(error) || usable.length === 0) throw error
    return await tryPins(file, usable, context)
  }
}

async function tryPins (file: FileContent, sources: readonly UsablePinSource[], context: LoadContext): Promise<ReadIdentity> {
  const failures: Error[] = []
  for (const source of sources) {
    try {
      const { pin, warnings } = await pinFrom(source, file.path, context)
      return withWarnings(readIdentityWithWarnings(file.bytes, { file: file.path, pin }), warnings)
    } catch (error) {
      // a fault of the file itself is the same with every PIN
      if (!isPinWrong(error) && !isFaultOfSource(error)) throw error
      failures.push(error as Error)
    }
  }
  const [failure, another] = failures
  throw another === undefined ? failure! : new errors.IDENTITY_PIN_SOURCE(file.path, failures.map(({ message }) => message).join('; '))
}

function isFaultOfSource (error: unknown): boolean {
  return /^POSTERN_ERR_(CREDV2_|IDENTITY_PIN_SOURCE$|IDENTITY_UNREADABLE$|IDENTITY_TOO_LARGE$)/.test(String((error as NodeJS.ErrnoException).code))
}

type UsablePinSource = Exclude<PinSource, { from: 'none' }>

interface Pin {
  readonly pin: string
  readonly warnings: readonly IdentityWarning[]
}

async function pinFrom (source: UsablePinSource, path: string, { user, env }: LoadContext): Promise<Pin> {
  if (source.from === 'cred_v2') return await pinFromCredentials(path, source.user ?? user)
  if (source.from === 'file') {
    const file = await readFile(source.file)
    // editors end a file with a line feed
    return { pin: file.bytes.toString().replace(/\r?\n$/, ''), warnings: exposedPin(file) }
  }
  const pin = env[source.variable]
  if (pin === undefined) throw new errors.IDENTITY_PIN_SOURCE(path, `environment variable ${source.variable} is not set`)
  return { pin, warnings: [] }
}

async function pinFromCredentials (path: string, user: string): Promise<Pin> {
  const pse = resolve(path)
  const credentials = join(dirname(pse), 'cred_v2')
  const exists = await stat(credentials).then(() => true, () => false)
  if (!exists) throw new errors.CREDV2_MISSING(credentials, pse)
  const file = await readFile(credentials)
  return { pin: readPin(file.bytes, { file: credentials, pse, user }), warnings: exposedPin(file) }
}

/**
 * Certificates of a file, or of the files of a directory.
 *
 * @throws POSTERN_ERR_IDENTITY_UNREADABLE, IDENTITY_TOO_LARGE, TRUST_INVALID
 */
export async function readTrust (path: string): Promise<Certificate[]> {
  const files = await filesOf(path)
  if (files === null) return readTrustFile((await readFile(path)).bytes, path)
  if (files.length === 0) throw new errors.TRUST_INVALID(path, 'the directory has no files')
  return (await Promise.all(files.map(async file => readTrustFile((await readFile(file)).bytes, file)))).flat()
}

/** The files of a directory, `null` for a file. Names with a leading dot are Kubernetes' own links, or nothing of ours. */
async function filesOf (path: string): Promise<string[] | null> {
  try {
    if (!(await stat(path)).isDirectory()) return null
    const paths = (await readdir(path)).filter(name => !name.startsWith('.')).sort().map(name => join(path, name))
    const kinds = await Promise.all(paths.map(async path => (await stat(path)).isFile()))
    return paths.filter((_, i) => kinds[i])
  } catch (error) {
    throw unreadable(path, error)
  }
}

function exposedKey ({ path, exposed }: FileContent, { privateKey }: Identity): IdentityWarning[] {
  if (!exposed || privateKey === null) return []
  return [{ code: 'POSTERN_WARN_IDENTITY_KEY_EXPOSED', message: `${path} has a private key without PIN that group or others may read; expected mode 600` }]
}

function exposedPin ({ path, exposed }: FileContent): IdentityWarning[] {
  return exposed ? [{ code: 'POSTERN_WARN_IDENTITY_PIN_EXPOSED', message: `${path} holds a PIN that group or others may read; expected mode 600` }] : []
}

function withWarnings (opened: ReadIdentity, more: readonly IdentityWarning[]): ReadIdentity {
  return { ...opened, warnings: [...opened.warnings, ...more] }
}
