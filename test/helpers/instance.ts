/** An instance directory as SAP lays it out: PSEs in `sec`, their PIN in `cred_v2` beside them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { mintCredentials } from './mint-cred-v2.ts'
import { mintPse, rsaPseKey } from './mint-pse.ts'
import type { Issued } from './pki.ts'

/** Whose key and certificate a PSE holds; the root of the certificate is its PKRoot, and so trusted. */
export type Owners = Readonly<Record<string, Issued>>

/**
 * Writes the PSEs (version 2, RSA keys, with PIN) of an instance.
 *
 * @returns the instance directory, which is removed after the test
 */
export function buildInstance (t: Test, owners: Owners, pin = 'Geheim#1'): string {
  const instance = mkdtempSync(join(tmpdir(), 'postern-instance-'))
  t.teardown(() => { rmSync(instance, { recursive: true }) })
  const sec = join(instance, 'sec')
  mkdirSync(sec, { mode: 0o700 })
  const names = Object.keys(owners)
  for (const name of names) writeFileSync(join(sec, name), pseOf(owners[name] as Issued, pin), { mode: 0o600 })
  const { username: user } = userInfo()
  writeFileSync(join(sec, 'cred_v2'), mintCredentials(...names.map(name => ({ pse: join(sec, name), user, pin, cipher: 'v1-aes' as const }))), { mode: 0o600 })
  return instance
}

function pseOf ({ key, der, issuers }: Issued, pin: string): Buffer {
  const above = issuers.map(issuer => issuer.der)
  return mintPse({ key: rsaPseKey(key), certificate: der, root: above.at(-1) as Buffer, path: above.slice(0, -1), pin })
}
