/** What the demo shows, and whether it is what was expected. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { rowsOf, type Seen } from './backend.ts'
import type { GatewayProcess } from './gateway-process.ts'
import type { Landscape } from './landscape.ts'
import { ask, askBackend, askByWebSocket } from './request.ts'
import { tcpConnectionsOf } from './tcp-sockets.ts'

/** Texts of what was not as expected. */
export type Faults = string[]

const user = 'CN=ALICE, OU=Users, O=Example, C=DE'
const predecessor = 'CN=wd-local, O=Example, C=DE'

/** Before the local gateway has registered, the DMZ gateway has nobody to ask, and no connection to open. */
export async function showUnregistered ({ port, pki }: Landscape): Promise<Faults> {
  const { status, body } = await ask({ port, files: pki.user, certificate: true })
  print(`Before the local gateway has registered, the answer is ${status}: ${body}`, '')
  return status === 503 ? [] : ['without a registration the answer should be 503']
}

/** What is where. */
export function showPicture ({ port, registrationPort, appPort, backend, dmz, directory }: Landscape, local: GatewayProcess): void {
  print(
    `browser --TLS--> DMZ gateway (https://localhost:${port}) ==> local gateway --TLS with client PSE--> back end (${backend.origin})`,
    '', '  ==> is reverse invoke: requests go from left to right over connections that were opened from right to left.', '',
    `  DMZ gateway    process ${dmz.pid}, profiles/dmz.pfl, registration port ${registrationPort}`,
    `  local gateway  process ${local.pid}, profiles/local.pfl, has registered app.inner:${appPort}`,
    `  back end       this process, ${backend.origin}`,
    `  PSEs, logs     ${directory}`, ''
  )
}

/** Requests with and without a certificate, a forged one, and a WebSocket. */
export async function showRequests ({ port, pki }: Landscape): Promise<Faults> {
  const question = { port, files: pki.user }
  const withCertificate = await askBackend({ ...question, certificate: true })
  printSeen('With a user certificate the back end saw:', withCertificate)
  const withoutCertificate = await askBackend({ ...question, certificate: false })
  printSeen('Without one it saw:', withoutCertificate)
  const forged = await askBackend({ ...question, certificate: false, headers: { SSL_CLIENT_CERT: await certificateOf(pki.user.certificateFile) } })
  printSeen('Of a request without one and with a forged SSL_CLIENT_CERT it saw:', forged)
  const upgraded = await askByWebSocket({ ...question, certificate: true })
  printSeen('Of a WebSocket with a user certificate it saw:', upgraded)
  return [...faultsWith(withCertificate), ...faultsWithout(withoutCertificate), ...faultsWithout(forged), ...faultsWith(upgraded)]
}

/** Certificates are no secret: anybody can have one. */
async function certificateOf (file: string): Promise<string> {
  return new X509Certificate(await readFile(file)).raw.toString('base64')
}

function faultsWith ({ user: seen, fields, predecessor: from }: Seen): Faults {
  return [
    ...(seen?.subject === user && seen.source === 'header' ? [] : ['the user should be ALICE, from the header']),
    ...(from === predecessor ? [] : ['the request should come from the local gateway']),
    ...missing(fields, ['SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_CHAIN_1', 'SSL_CIPHER_SUITE', 'SSL_CIPHER_USEKEYSIZE'])
  ]
}

function faultsWithout ({ user: seen, fields }: Seen): Faults {
  return [
    ...(seen === null ? [] : ['nobody should be logged on without a certificate']),
    ...missing(fields, ['SSL_CIPHER_SUITE', 'SSL_CIPHER_USEKEYSIZE'])
  ]
}

function missing (fields: Seen['fields'], expected: readonly string[]): Faults {
  const names = Object.keys(fields)
  return names.length === expected.length && expected.every(name => names.includes(name)) ? [] : [`the SSL fields should be ${expected.join(', ')}, not ${names.join(', ')}`]
}

/** Who has opened connections to whom, as the operating system tells it. */
export async function showConnections ({ dmz, registrationPort, appPort }: Landscape, local: GatewayProcess): Promise<Faults> {
  const [outer, inner] = await Promise.all([tcpConnectionsOf(dmz.pid), tcpConnectionsOf(local.pid)])
  if (outer === null || inner === null) {
    print('TCP connections are not shown: this system does not tell them.', '')
    return []
  }
  const registered = inner.opened.filter(port => port === registrationPort).length
  print(
    'TCP connections now, by who opened them:',
    `  DMZ gateway    has opened ${outer.opened.length}`,
    `  local gateway  has opened ${registered} to the registration port and ${inner.opened.length - registered} to the back end`,
    `                 nobody is connected to its own port ${appPort}: ${inner.accepted.length} connections came in`, ''
  )
  return [
    ...(outer.opened.length === 0 ? [] : ['the DMZ gateway should have opened no connection']),
    ...(inner.accepted.length === 0 ? [] : ['no connection should have come in to the local gateway']),
    ...(registered > 0 ? [] : ['the local gateway should have opened connections to the registration port'])
  ]
}

/** The end of it. */
export function showResult (faults: Faults): void {
  print(...(faults.length === 0 ? ['All of it as expected.'] : faults.map(text => `NOT AS EXPECTED: ${text}`)), '')
}

/** How to repeat it. */
export function showCommands ({ port, pki: { user: { rootFile, certificateFile, keyFile } } }: Landscape): void {
  const url = `https://localhost:${port}/sap/bc/ping`
  print(
    'To repeat it, from another terminal:',
    `  curl --cacert ${rootFile} --cert ${certificateFile} --key ${keyFile} ${url}`,
    `  curl --cacert ${rootFile} ${url}`,
    'And to see that a forged field does not arrive:',
    `  curl --cacert ${rootFile} -H 'SSL_CLIENT_CERT: forged' ${url}`,
    '', 'Ctrl-C ends it.', ''
  )
}

function printSeen (title: string, seen: Seen): void {
  const rows = rowsOf(seen)
  const width = Math.max(...rows.map(([label]) => label.length))
  print(title, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`), '')
}

function print (...lines: string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(''))
}
