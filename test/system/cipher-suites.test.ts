import { execFileSync } from 'node:child_process'
import t from 'tap'
import { cipherSuiteOf } from '../../src/tls/cipher-suites.ts'

/** Every suite the installed OpenSSL was built with, TLS 1.3's optional ones too. */
function suitesOfOpenssl (): { code: number, name: string, opensslName: string, keySizeBits: number }[] {
  const tls13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256'
  const text = execFileSync('openssl', ['ciphers', '-V', '-stdname', '-ciphersuites', tls13, 'ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0'], { encoding: 'utf8' })
  return text.trim().split('\n').map(line => {
    const [code = '', , name = '', , opensslName = ''] = line.trim().split(/ +/)
    const bits = /Enc=\S*\((\d+)\)/.exec(line)?.[1] ?? '0'
    return { code: Number.parseInt(code.replaceAll(/0x|,/g, ''), 16), name, opensslName, keySizeBits: Number(bits) }
  })
}

t.test('knows every cipher suite of the installed OpenSSL by both names, with its code and key bits', async t => {
  const all = suitesOfOpenssl()
  t.ok(all.length > 150, `openssl lists ${all.length} suites`)
  for (const { opensslName, ...suite } of all) {
    t.strictSame(cipherSuiteOf(suite.name), suite, suite.name)
    t.strictSame(cipherSuiteOf(opensslName), suite, opensslName)
  }
})
