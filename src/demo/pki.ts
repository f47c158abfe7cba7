import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { issue, type IssuedIdentity } from '../x509/issue.ts'

/** The files of the demo's PKI. */
export interface DemoPki {
  /** Root of everything, for `curl --cacert`. */
  readonly rootFile: string
  /** Identity of the gateway towards browsers. */
  readonly serverFile: string
  /** Identity of the gateway towards the back end (client PSE). */
  readonly gatewayFile: string
  /** Identity of the back end. */
  readonly backendFile: string
  /** Certificate with its issuer, and key, of the user. */
  readonly userCertificateFile: string
  readonly userKeyFile: string
}

const organisation = [['C', 'DE'], ['O', 'Postern Demo']] as const

/** Mints the PKI into `directory`: a root, an issuer of users, a gateway and a back end. */
export async function mintDemoPki (directory: string): Promise<DemoPki> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const root = await issue({ subject: [...organisation, ['CN', 'Demo Root CA']], ca: true })
  const userCa = await issue({ subject: [...organisation, ['CN', 'Demo User CA']], ca: true, issuer: root })
  const names = ['localhost', '127.0.0.1', '::1']
  const server = await issue({ subject: [...organisation, ['CN', 'localhost']], issuer: root, serverNames: names })
  const backend = await issue({ subject: [...organisation, ['OU', 'Back end'], ['CN', 'localhost']], issuer: root, serverNames: names })
  const gateway = await issue({ subject: [...organisation, ['OU', 'SSL CLIENT'], ['CN', 'gateway']], issuer: root })
  const user = await issue({ subject: [...organisation, ['OU', 'Users'], ['CN', 'ALICE']], issuer: userCa })
  // a CA certificate that leads up from no own certificate is a trust anchor; the root leads up from all of them, so it is named in
  // the profile by postern/trust_<xx>
  return {
    rootFile: await save(directory, 'root.pem', pemOf(root)),
    serverFile: await save(directory, 'SAPSSLS.pem', keyOf(server) + pemOf(server)),
    gatewayFile: await save(directory, 'SAPSSLC.pem', keyOf(gateway) + pemOf(gateway)),
    backendFile: await save(directory, 'backend.pem', keyOf(backend) + pemOf(backend)),
    userCertificateFile: await save(directory, 'user.pem', pemOf(user) + pemOf(userCa)),
    userKeyFile: await save(directory, 'user.key', keyOf(user))
  }
}

function pemOf ({ certificate }: IssuedIdentity): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function keyOf ({ privateKey }: IssuedIdentity): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

async function save (directory: string, name: string, text: string): Promise<string> {
  const file = join(directory, name)
  await writeFile(file, text, { mode: 0o600 })
  return file
}
