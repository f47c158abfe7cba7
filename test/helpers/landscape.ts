import type { Test } from 'tap'
import { startHeadEcho, startNginx } from './nginx.ts'
import { mintPki, type Issued, type Pki } from './pki.ts'
import { runToEnd, type Surroundings } from './processes.ts'

/** Files of a landscape with real programs: gateway identities as PEM bundles, a user, and an nginx that demands a certificate. */
export interface Landscape {
  readonly pki: Pki
  readonly rootFile: string
  readonly serverFile: string
  readonly gatewayFile: string
  readonly userCertificateFile: string
  readonly userKeyFile: string
  /** `https://localhost:port` of an nginx that demands a client certificate and shows the request's head as it came. */
  readonly backend: string
  /** Profile lines that name the identities and their trust. */
  readonly identityLines: string
  profile (name: string, text: string): string
}

/** Key, certificate and its issuers without the root, in one PEM text. */
export function bundle (identity: Issued): string {
  return identity.keyPem + identity.chainPem
}

/** Mints a PKI with RSA keys, writes its files and starts nginx as the back end. */
export async function buildLandscape (t: Test): Promise<Landscape> {
  const pki = await mintPki(t, { keyType: 'RSA' })
  const rootFile = pki.file('root.pem', pki.root.certPem)
  const serverFile = pki.file('server.pem', bundle(pki.server))
  const gatewayFile = pki.file('gateway.pem', bundle(pki.gateway))
  const echo = await startHeadEcho(t)
  const port = await startNginx(t, `
  underscores_in_headers on;
  ignore_invalid_headers off;
  server {
    listen 127.0.0.1:$PORT ssl;
    ssl_certificate ${pki.file('backend.crt', pki.server.chainPem)};
    ssl_certificate_key ${pki.file('backend.key', pki.server.keyPem)};
    ssl_client_certificate ${rootFile};
    ssl_verify_client on;
    ssl_verify_depth 3;
    location / {
      proxy_pass http://127.0.0.1:${echo};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Seen-Client $ssl_client_s_dn;
    }
  }`)
  return {
    pki,
    rootFile,
    serverFile,
    gatewayFile,
    userCertificateFile: pki.file('user.crt', pki.client.chainPem),
    userKeyFile: pki.file('user.key', pki.client.keyPem),
    backend: `https://localhost:${port}`,
    identityLines: `
ssl/server_pse = ${serverFile}
ssl/client_pse = ${gatewayFile}
postern/trust_0 = PSE=${serverFile}, CERTS=${rootFile}
postern/trust_1 = PSE=${gatewayFile}, CERTS=${rootFile}
`,
    profile: (name, text) => pki.file(name, text)
  }
}

/** The header fields of a head that the back end showed, names as they came. */
export function fieldsOf (head: string): Array<[name: string, value: string]> {
  return head.split('\r\n').slice(1).map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}

/** Runs curl against a gateway and gives back its standard output. */
export async function curl (args: readonly string[], surroundings: Surroundings = {}): Promise<string> {
  const { code, stdout, stderr } = await runToEnd('curl', ['--silent', '--show-error', '--max-time', '20', ...args], surroundings)
  if (code !== 0) throw new Error(`curl ended with ${String(code)}: ${stderr}`)
  return stdout
}

/** What `openssl x509` says of a PEM certificate: its DER in base64, one line. */
export async function opensslBase64 (pem: string): Promise<string> {
  const lines = (await runToEnd('openssl', ['x509', '-outform', 'PEM'], { input: pem })).stdout.split('\n')
  return lines.filter(line => line !== '' && !line.startsWith('-----')).join('')
}
