import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import { certificateData, certificateText, validityText } from './certificate-text.ts'
import { usage, type CommandLine, type Syntax } from './command-line.ts'
import { psePath } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { pin, pse } from './options.ts'
import { requireKey } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `get_my_name` */
export const syntax: Syntax = {
  name: 'get_my_name',
  summary: 'Shows the own certificate: name, issuer, validity.',
  options: {
    pse,
    pin,
    verbose: { letter: 'v', text: 'with key, serial number, fingerprint, and the certificates that lead up from it' },
    name: { letter: 'n', value: '<what>', text: 'only this: Subject, Issuer, Validity, SerialNo, Key, Fingerprint or AlternativeNames' }
  }
}

const parts: Readonly<Record<string, (certificate: Certificate, now: Date) => string>> = {
  subject: ({ subject }) => subject,
  issuer: ({ issuer }) => issuer,
  validity: validityText,
  serialno: ({ serialNumber }) => serialNumber,
  key: certificate => certificateData(certificate).key!,
  fingerprint: ({ fingerprint256 }) => fingerprint256,
  alternativenames: certificate => certificateData(certificate).alternativeNames ?? ''
}

/** Changes nothing. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  const wanted = line.value('name')
  const part = wanted === null ? null : parts[wanted.toLowerCase()] ?? usage(syntax, `-n ${wanted}: expected Subject, Issuer, Validity, SerialNo, Key, Fingerprint or AlternativeNames`)
  const path = psePath(line, tool)
  const { identity, pin } = await openIdentity(path, line, tool)
  const own = parseCertificate(requireKey(identity).certificate)
  const chain = identity.chain.map(parseCertificate)
  const verbose = line.has('verbose')
  const now = tool.now()
  const shown = [own, ...verbose ? chain : []].map((certificate, i) => certificateText(certificate, { indent: '  '.repeat(i), verbose, now }))
  return {
    text: `${part === null ? shown.join('\n') : part(own, now)}\n`,
    data: { file: path, format: identity.source.format, protected: pin !== null, certificate: certificateData(own), chain: chain.map(certificateData) }
  }
}
