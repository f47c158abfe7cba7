import type { IdentityFormat } from '../pse/identity.ts'
import type { CommandLine, Syntax } from './command-line.ts'
import { filePath, psePath } from './location.ts'
import { openIdentity, type OpenIdentity } from './open-identity.ts'
import { format, pin, pse, replace } from './options.ts'
import { newPin } from './pin.ts'
import { formatOf, requireFree, requireKey, storeWithTrustBeside } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `convert` */
export const convertSyntax: Syntax = {
  name: 'convert',
  summary: 'Writes an identity in another format: PSE version 2 or 4, PKCS#12, PEM.',
  options: {
    pse,
    pin,
    output: { letter: 'o', value: '<file>', required: true, text: 'the new file' },
    format,
    'file-pin': { letter: 'z', value: '<pin>', text: 'PIN of the new file, as -x; by default the PIN of the old one' },
    replace
  }
}

/** Key, certificate, chain and trust list stay what they are. */
export async function convert (line: CommandLine, tool: Tool): Promise<Outcome> {
  const opened = await openIdentity(psePath(line, tool), line, tool)
  const output = filePath(line.required('output'), tool)
  if (!line.has('replace')) await requireFree(output)
  const filePin = line.has('file-pin') ? await newPin(line, { option: 'file-pin', of: output }, tool) : opened.pin
  return await store(opened, { output, fileFormat: formatOf(convertSyntax, line, output), filePin, line, tool })
}

/** `export_p12` */
export const exportSyntax: Syntax = {
  name: 'export_p12',
  summary: 'Writes the key with its certificates and the trust list as PKCS#12.',
  options: {
    pse,
    pin,
    'file-pin': { letter: 'z', value: '<password>', text: 'password of the PKCS#12 file, as -x; asked for without it' },
    replace
  },
  argument: { value: '<file.p12>', text: 'the new file', required: true }
}

/** As `convert`, with a password of its own. */
export async function exportP12 (line: CommandLine, tool: Tool): Promise<Outcome> {
  const opened = await openIdentity(psePath(line, tool), line, tool)
  requireKey(opened.identity)
  const output = filePath(line.argument!, tool)
  if (!line.has('replace')) await requireFree(output)
  const filePin = await newPin(line, { option: 'file-pin', of: output }, tool)
  return await store(opened, { output, fileFormat: 'pkcs12', filePin, line, tool })
}

async function store ({ path, identity }: OpenIdentity, { output, fileFormat, filePin, line, tool }: { output: string, fileFormat: IdentityFormat, filePin: string | null, line: CommandLine, tool: Tool }): Promise<Outcome> {
  const trustFile = await storeWithTrustBeside(identity, { path: output, format: fileFormat, pin: filePin, create: !line.has('replace') }, tool)
  tool.note(`written ${output} (${fileFormat})`)
  return { text: '', data: { file: path, format: identity.source.format, outputFile: output, outputFormat: fileFormat, trustFile } }
}
