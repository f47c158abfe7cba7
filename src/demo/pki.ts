import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { issue, type IssuedIdentity, type IssueRequest } from '../x509/issue.ts'
import { writeIdentity } from '../pse/write-identity.ts'

/** The files of the demo's PKI: one directory for each of the landscape's hosts, with nobody else's key in it. */
export interface DemoPki {
  /** SECUDIR of the gateway in the DMZ. */
  readonly dmzDirectory: string
  /** SECUDIR of the local gateway. */
  readonly localDirectory: string
  readonly backend: BackendFiles
  readonly user: UserFiles
}

/** What the back end needs. */
export interface BackendFiles {
  /** Key and certificate. */
  readonly identityFile: string
  /** Root of the certificates that it accepts. */
  readonly rootFile: string
}

/** What a user needs. */
export interface UserFiles {
  /** Root of everything, for `curl --cacert`. */
  readonly rootFile: string
  /** Certificate with its issuer. */
  readonly certificateFile: string
  readonly keyFile: string
}

type Name = IssueRequest['subject']

const organisation = [['C', 'DE'], ['O', 'Example']] as const satisfies Name
const loopback = ['localhost', '127.0.0.1', '::1']

/**
 * Mints the PKI into `directory`: a root, an issuer of users, PSEs of two gateways, a back end and a user. The names are those that
 * `profiles/dmz.pfl` and `profiles/local.pfl` expect.
 */
export async function mintDemoPki (directory: string): Promise<DemoPki> {
  const root = await issue({ subject: nameOf('Example CA'), ca: true })
  const userCa = await issue({ subject: nameOf('Example User CA'), ca: true, issuer: root })
  const [dmz, localServer, localClient, backend, user] = await Promise.all([
    issue({ subject: nameOf('dmz.example.com'), issuer: root, serverNames: [...loopback, 'dmz.example.com'], keyType: 'rsa' }),
    issue({ subject: nameOf('app.inner'), issuer: root, serverNames: [...loopback, 'app.inner'], keyType: 'rsa' }),
    issue({ subject: nameOf('wd-local'), issuer: root, keyType: 'rsa' }),
    issue({ subject: nameOf('back-end'), issuer: root, serverNames: [...loopback, 'back-end'] }),
    issue({ subject: [...organisation, ['OU', 'Users'], ['CN', 'ALICE']], issuer: userCa })
  ])
  return {
    dmzDirectory: await save(join(directory, 'dmz'), { 'SAPSSLS.pse': pseOf(dmz, root) }),
    localDirectory: await save(join(directory, 'local'), { 'SAPSSLS.pse': pseOf(localServer, root), 'SAPSSLC.pse': pseOf(localClient, root) }),
    backend: backendFilesIn(await save(join(directory, 'back-end'), { 'back-end.pem': keyOf(backend) + pemOf(backend), 'root.pem': pemOf(root) })),
    user: userFilesIn(await save(join(directory, 'user'), { 'user.pem': pemOf(user) + pemOf(userCa), 'user.key': keyOf(user), 'root.pem': pemOf(root) }))
  }
}

/** Names of the back end's files in its directory. */
export function backendFilesIn (directory: string): BackendFiles {
  return { identityFile: join(directory, 'back-end.pem'), rootFile: join(directory, 'root.pem') }
}

function userFilesIn (directory: string): UserFiles {
  return { rootFile: join(directory, 'root.pem'), certificateFile: join(directory, 'user.pem'), keyFile: join(directory, 'user.key') }
}

function nameOf (commonName: string): Name {
  return [...organisation, ['CN', commonName]]
}

/** Without a PIN, so that nobody has to type one or to write a `cred_v2`; the trust list is the root. */
function pseOf ({ certificate, privateKey }: IssuedIdentity, root: IssuedIdentity): Buffer {
  const [file] = writeIdentity({ privateKey, certificate, chain: [root.certificate], trusted: [root.certificate] }, { format: 'pse-v2', pin: null })
  return (file as { bytes: Buffer }).bytes
}

function pemOf ({ certificate }: IssuedIdentity): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function keyOf ({ privateKey }: IssuedIdentity): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

async function save (directory: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content, { mode: 0o600 })
  return directory
}
