import { parseCertificate } from '../x509/certificate.ts'
import { pemBlock } from '../pse/write-pem.ts'
import { certificateData } from './certificate-text.ts'
import type { CommandLine, Syntax } from './command-line.ts'
import { filePath, psePath } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { pin, pse } from './options.ts'
import { replaceFile } from './replace-file.ts'
import { requireKey } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `export_own_cert` */
export const syntax: Syntax = {
  name: 'export_own_cert',
  summary: 'Writes the own certificate as PEM.',
  options: {
    pse,
    pin,
    output: { letter: 'o', value: '<file>', text: 'file for the certificate; without it the certificate goes to standard output' },
    chain: { text: 'with the certificates that lead up from it' }
  }
}

/** Nothing secret is exported: the file may be read by everybody. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  const path = psePath(line, tool)
  const { identity } = await openIdentity(path, line, tool)
  const { certificate } = requireKey(identity)
  const pem = [certificate, ...line.has('chain') ? identity.chain : []].map(der => pemBlock('CERTIFICATE', der)).join('')
  const data = { file: path, certificate: certificateData(parseCertificate(certificate)), pem }
  const output = line.value('output')
  if (output === null) return { text: pem, data }
  const outputFile = filePath(output, tool)
  await replaceFile(outputFile, Buffer.from(pem), { mode: 0o644, check: () => {} })
  tool.note(`certificate ${outputFile}`)
  return { text: '', data: { ...data, outputFile } }
}
