import { parseCertificate } from '../x509/certificate.ts'
import { certificateData, certificateText } from './certificate-text.ts'
import type { CommandLine, Syntax } from './command-line.ts'
import { certificatesOf } from './import-own-cert.ts'
import { filePath, psePath } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { format, issuers, pin, pse, replace } from './options.ts'
import { completeChain } from './own-certificate.ts'
import { newPin } from './pin.ts'
import { formatOf, requireFree, requireKey, storeIdentity } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `import_p12` */
export const syntax: Syntax = {
  name: 'import_p12',
  summary: 'Makes a PSE of a PKCS#12 file (or of a PEM file with key and certificates).',
  options: {
    pse,
    pin,
    format,
    'file-pin': { letter: 'z', value: '<password>', text: 'password of the PKCS#12 file: as -x' },
    issuers,
    replace
  },
  argument: { value: '<file.p12>', text: 'the PKCS#12 file', required: true }
}

/** Checks chain and dates as `import_own_cert` does. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  const path = psePath(line, tool)
  const fileFormat = formatOf(syntax, line, path)
  const source = filePath(line.argument!, tool)
  if (!line.has('replace')) await requireFree(path)
  const { identity } = await openIdentity(source, line, tool, 'file-pin')
  const { certificate } = requireKey(identity)
  const own = parseCertificate(certificate)
  const known = [...[...identity.chain, ...identity.trusted].map(parseCertificate), ...await certificatesOf(line.values('issuers'), tool)]
  const chain = completeChain(own, known, tool).map(({ der }) => der)
  // what turns out to lead up from the certificate is chain and no trust
  const trusted = identity.trusted.filter(der => !chain.some(issuer => issuer.equals(der)))
  const filePin = await newPin(line, { option: 'pin', of: path }, tool)
  await storeIdentity({ ...identity, chain, trusted }, { path, format: fileFormat, pin: filePin, create: !line.has('replace') })
  return { text: `${certificateText(own, { now: tool.now() })}\n`, data: { file: path, format: fileFormat, source, certificate: certificateData(own), chain: chain.map(der => certificateData(parseCertificate(der))) } }
}
