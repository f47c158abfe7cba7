/** Cipher suites by name: the code and the key bits that the SSL header fields carry. */
import { cipherSuiteTable } from './cipher-suite-table.ts'
import type { CipherSuite } from './connection.ts'

const suites = new Map<string, CipherSuite>()
for (const row of cipherSuiteTable.split('\n')) {
  const [code = '', bits = '', opensslName = '', name = ''] = row.split(' ')
  const suite: CipherSuite = { name, code: Number.parseInt(code, 16), keySizeBits: Number(bits) }
  // No suite's OpenSSL name is another one's IANA name, so one map serves both; a test holds that.
  suites.set(name, suite).set(opensslName, suite)
}

/**
 * Finds a cipher suite by its IANA name (`standardName` of `tlsSocket.getCipher()`) or by its OpenSSL name (`name` there).
 *
 * @param name for instance `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` or `ECDHE-RSA-AES128-GCM-SHA256`, in exactly that spelling
 * @returns `null` for a suite that OpenSSL does not know
 * @example cipherSuiteOf('TLS_AES_256_GCM_SHA384') // { name: 'TLS_AES_256_GCM_SHA384', code: 0x1302, keySizeBits: 256 }
 */
export function cipherSuiteOf (name: string): CipherSuite | null {
  return suites.get(name) ?? null
}
