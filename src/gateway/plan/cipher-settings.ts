/** Cipher strings of a profile, with the findings about them. */
import { createSecureContext } from 'node:tls'
import { readCipherString, type CipherSettings } from '../../tls/sap-cipher-string.ts'
import type { About, PlanFindings } from './input.ts'

/** Reads a cipher string and reports what is wrong with it; `null` when it cannot be used. */
export function cipherSettings (text: string, about: About, { key, findings }: { key?: string, findings: PlanFindings }): CipherSettings | null {
  const { settings, unmapped, faults } = readCipherString(text)
  const of = key === undefined ? {} : { key }
  for (const { part, why } of unmapped) findings.report('POSTERN_WARN_PLAN_CIPHERS', about, { ...of, message: `"${part}" is left out: ${why}` })
  for (const message of faults) findings.report('POSTERN_ERR_PLAN_CIPHERS', about, { ...of, message, expected: 'a cipher string such as 545:PFS:HIGH::EC_X25519:EC_P256:EC_HIGH' })
  if (settings === null) return null
  if (!isUsable(settings)) {
    findings.report('POSTERN_ERR_PLAN_CIPHERS', about, { ...of, message: `OpenSSL finds no cipher suite in "${text}"`, expected: 'classes that leave at least one suite' })
    return null
  }
  if (settings.minVersion === 'TLSv1' || settings.minVersion === 'TLSv1.1') {
    findings.report('POSTERN_WARN_PLAN_OLD_TLS', about, { ...of, message: `the string allows ${settings.minVersion}, which is broken, and lowers OpenSSL's security level to 0 for all versions`, expected: 'a sum of TLS 1.2 and newer: 545 (TLS 1.2), 2592 (TLS 1.2 and 1.3)' })
  }
  return settings
}

/** Asks OpenSSL, which alone knows what its classes hold after all exclusions. */
function isUsable ({ ciphers, groups, minVersion, maxVersion }: CipherSettings): boolean {
  try {
    createSecureContext({ ciphers, minVersion, maxVersion, ...groups !== null && { ecdhCurve: groups } })
    return true
  } catch {
    return false
  }
}
