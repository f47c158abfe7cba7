import type { Certificate } from '../x509/certificate.ts'

/** A cipher suite with the two numbers the SSL header fields want. */
export interface CipherSuite {
  /** IANA name, for instance `TLS_AES_256_GCM_SHA384`. */
  readonly name: string
  /** The two code bytes as one number, for instance 0x1302. */
  readonly code: number
  /** Key bits really used by the bulk cipher, for instance 256. */
  readonly keySizeBits: number
}

/** What a TLS handshake established about its client; computed once per connection. */
export interface TlsConnection {
  readonly protocol: string
  readonly cipherSuite: CipherSuite | null
  /** The client's certificate and its issuers, next issuer first, without the root; `null` unless it was verified against this host's trust list. */
  readonly client: { readonly certificate: Certificate, readonly chain: readonly Certificate[] } | null
}
