/** Parameters `ssl/...`: identities and cipher suites. */
import { group } from './schema.ts'
import { file, text, word } from './value-types.ts'

const { plain } = group('ssl')

const source = 'https://help.sap.com/saphelp_nw73/helpdata/en/48/3e87afca6b72d0e10000000a42189c/content.htm'
const identity = 'PSE, PKCS#12 or PEM, told apart by content. A relative name is looked up in SECUDIR.'
const cipherForm = 'Form <sum>:<class>:...::<curve>:...: the sum names protocol versions (512 TLS 1.2, 2048 TLS 1.3, 2 up to the newest, 128 and 256 TLS 1.0 and 1.1), the classes are PFS, HIGH, MEDIUM and single ciphers, the curves EC_X25519, EC_P256 and so on. Without it: TLS 1.2 and 1.3 with the suites that Node.js has by default.'

export const serverPse = plain({
  name: 'ssl/server_pse',
  description: `Identity of the HTTPS ports without SSLCONFIG: key, certificate and chain, and the trust list that client certificates are verified against. ${identity}`,
  type: file,
  default: 'SAPSSLS.pse',
  example: 'ssl/server_pse = SAPSSLS.pse',
  source
})

export const clientPse = plain({
  name: 'ssl/client_pse',
  description: `Identity towards back ends: its trust list verifies their certificates, and with wdisp/ssl_auth = 1 its own certificate is presented to them. ${identity}`,
  type: file,
  default: 'SAPSSLC.pse',
  example: 'ssl/client_pse = SAPSSLC.pse',
  source
})

export const cipherSuites = plain({
  name: 'ssl/ciphersuites',
  description: `Protocol versions, cipher suites and curves of the HTTPS ports. ${cipherForm}`,
  type: word,
  example: 'ssl/ciphersuites = 545:PFS:HIGH::EC_X25519:EC_P256:EC_HIGH',
  source
})

export const clientCipherSuites = plain({
  name: 'ssl/client_ciphersuites',
  description: `Protocol versions, cipher suites and curves towards back ends. ${cipherForm}`,
  type: word,
  example: 'ssl/client_ciphersuites = 560:PFS:HIGH',
  source
})

export const sslWithoutEffect = [
  plain({ name: 'ssl/ssl_lib', description: 'Path of the cryptographic library.', type: text, status: 'without effect', because: 'OpenSSL comes with Node.js', example: 'ssl/ssl_lib = libsapcrypto.so', source }),
  plain({ name: 'ssl/client_sni_enabled', description: 'Name the server in outgoing TLS.', type: text, status: 'without effect', because: 'the server is always named', example: 'ssl/client_sni_enabled = TRUE', source })
] as const
