import { readFileSync } from 'node:fs'
import type { Pki } from '../landscape.ts'

/** What a proxy program is told on its command line. */
export interface Settings {
  readonly port: number
  readonly backEndPort: number
  /** Options of the TLS server towards the client. */
  readonly server: { readonly key: Buffer, readonly cert: Buffer, readonly ca: Buffer, readonly requestCert: true, readonly rejectUnauthorized: false }
  /** Options of the TLS connection to the back end. */
  readonly client: { readonly key: Buffer, readonly cert: Buffer, readonly ca: Buffer, readonly servername: string, readonly rejectUnauthorized: true }
}

export function readSettings (): Settings {
  const { port, backEndPort, pki } = JSON.parse(process.argv[2] ?? '') as { port: number, backEndPort: number, pki: Pki }
  const ca = readFileSync(pki.ca)
  const pair = ({ key, cert }: { key: string, cert: string }) => ({ key: readFileSync(key), cert: readFileSync(cert), ca })
  return {
    port,
    backEndPort,
    // verify_client = 1: a certificate is asked for and verified, a connection without one is served
    server: { ...pair(pki.server), requestCert: true, rejectUnauthorized: false },
    client: { ...pair(pki.gateway), servername: 'localhost', rejectUnauthorized: true }
  }
}
