import tls from 'node:tls'
import t from 'tap'
import { cipherSuiteTable } from '../../src/tls/cipher-suite-table.ts'
import { cipherSuiteOf } from '../../src/tls/cipher-suites.ts'

t.test('gives code and key bits by IANA name and by OpenSSL name', async t => {
  const rows: [string, string, number, number][] = [
    ['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256', 0x1301, 128],
    ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384', 0x1302, 256],
    ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 0x1303, 256],
    ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 0xC02F, 128],
    ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305', 0xCCA9, 256],
    ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', 'DES-CBC3-SHA', 0x000A, 168],
    ['TLS_RSA_WITH_NULL_SHA256', 'NULL-SHA256', 0x003B, 0]
  ]
  for (const [name, opensslName, code, keySizeBits] of rows) {
    t.strictSame(cipherSuiteOf(name), { name, code, keySizeBits })
    t.equal(cipherSuiteOf(opensslName), cipherSuiteOf(name))
  }
})

t.test('knows nothing of other names', async t => {
  for (const name of ['', 'tls_aes_128_gcm_sha256', 'TLS_AES_128_GCM', '__proto__', 'constructor', ' ']) t.equal(cipherSuiteOf(name), null)
})

t.test('knows every suite that the running Node offers', async t => {
  const known = new Set(cipherSuiteTable.split('\n').map(row => row.split(' ')[2]?.toLowerCase()))
  for (const name of tls.getCiphers()) t.ok(known.has(name), name)
})

t.test('codes and names are unique', async t => {
  const rows = cipherSuiteTable.split('\n').map(row => row.split(' '))
  t.equal(new Set(rows.map(([code]) => code)).size, rows.length)
  const names = rows.flatMap(([, , openssl, iana]) => openssl === iana ? [iana] : [openssl, iana])
  t.equal(new Set(names).size, names.length)
  for (const row of rows) t.match(row.join(' '), /^[0-9A-F]{4} (0|128|168|256) [\w-]+ [\w-]+$/)
})
