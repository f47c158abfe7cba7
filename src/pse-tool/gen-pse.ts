import { errors } from '../errors.ts'
import { pemBlock } from '../pse/write-pem.ts'
import { encodeAlternativeNames } from '../x509/alternative-names.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { formatName } from '../x509/distinguished-name.ts'
import { isReversedName } from '../profile/name-text.ts'
import { encodeName } from '../x509/name-encoding.ts'
import { makeRequest, selfSign, subjectOf, type Subject } from '../x509/request.ts'
import { keyText } from './certificate-text.ts'
import { usage, type CommandLine, type Syntax } from './command-line.ts'
import { hashFor, keyKind, makeKey } from './key-kind.ts'
import { filePath, psePath } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { format, pin, pse } from './options.ts'
import { newPin } from './pin.ts'
import { replaceFile } from './replace-file.ts'
import { formatOf, requireFree, requireKey, storeIdentity } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `gen_pse`, `get_pse` */
export const syntax: Syntax = {
  name: 'gen_pse',
  aliases: ['get_pse'],
  summary: 'Makes a key with a self-signed certificate, and a certificate request for a CA; with -onlyreq a request from the key of a PSE.',
  options: {
    pse,
    pin,
    format,
    request: { letter: 'r', value: '<file>', text: 'file for the request (PKCS#10, PEM); without it the request goes to standard output' },
    noreq: { text: 'no request' },
    onlyreq: { text: 'only a request, from the key and the names of an existing PSE: for renewal' },
    'alternative-name': { letter: 'k', value: '<name>', many: true, text: 'GN-dNSName:<host> or GN-iPAddress:<address>; may be repeated' },
    algorithm: { letter: 'a', value: '<algorithm>', text: 'RSA (default), EC, RSA:3072:SHA256, EC:P-384, sha256WithRsaEncryption, ecdsa-with-SHA256, ...' },
    bits: { letter: 's', value: '<bits>', text: 'size of the key: RSA 2048 (default) to 4096, EC 256 (default) or 384' }
  },
  argument: { value: '"<DN>"', text: 'distinguished name, most specific part first: "CN=host.example.com, O=Example, C=DE"', required: false }
}

/** The self-signed certificate holds the place until the CA has answered; where it is trusted as it is, it should not end in between. */
const selfSignedDays = 3650

/** Makes a PSE, a request, or both. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  if (line.has('onlyreq')) return await requestFromExisting(line, tool)
  const name = line.argument ?? usage(syntax, 'the distinguished name is missing')
  if (line.has('noreq') && line.has('request')) return usage(syntax, '-noreq and -r do not go together')
  const kind = keyKind(line.value('algorithm'), line.value('bits'))
  const names = { name: encodeName(name), alternativeNames: alternativeNames(line) }
  // other programs print names the other way round, and then no rule fits the certificate
  if (isReversedName(name)) tool.warn(`${name}: the name begins with its least specific part; SAP writes CN first`)
  const path = psePath(line, tool)
  const fileFormat = formatOf(syntax, line, path)
  if (kind.type === 'ec' && fileFormat.startsWith('pse')) throw new errors.PSE_KEY_UNWRITABLE('ec')
  await requireFree(path)
  const filePin = await newPin(line, { option: 'pin', of: path }, tool)
  const subject: Subject = { ...names, privateKey: await makeKey(kind), hash: kind.hash }
  const certificate = await selfSign(subject, { now: tool.now(), days: selfSignedDays })
  await storeIdentity({ privateKey: subject.privateKey, certificate, chain: [], trusted: [] }, { path, format: fileFormat, pin: filePin, create: true })
  const made = { file: path, format: fileFormat, key: keyText(subject.privateKey), subject: formatName(subject.name) }
  tool.note(`made: ${made.key}, ${made.subject}, self-signed until a certificate is imported`)
  return line.has('noreq') ? { text: '', data: made } : await deliver(await makeRequest(subject), made, line, tool)
}

async function requestFromExisting (line: CommandLine, tool: Tool): Promise<Outcome> {
  const other = ['noreq', 'algorithm', 'bits', 'format'].find(option => line.has(option))
  if (other !== undefined) return usage(syntax, `-onlyreq takes the key that is there; it does not go together with --${other}`)
  const path = psePath(line, tool)
  const { identity } = await openIdentity(path, line, tool)
  const { privateKey, certificate } = requireKey(identity)
  const present = subjectOf(certificate)
  const subject: Subject = {
    name: line.argument === null ? present.name : encodeName(line.argument),
    alternativeNames: line.has('alternative-name') ? alternativeNames(line) : present.alternativeNames,
    privateKey,
    hash: hashFor(privateKey)
  }
  const printed = line.argument === null ? parseCertificate(certificate).subject : formatName(subject.name)
  return await deliver(await makeRequest(subject), { file: path, key: keyText(privateKey), subject: printed }, line, tool)
}

function alternativeNames (line: CommandLine): Buffer | null {
  const names = line.values('alternative-name')
  return names.length === 0 ? null : encodeAlternativeNames(names)
}

async function deliver (request: Buffer, made: Record<string, unknown>, line: CommandLine, tool: Tool): Promise<Outcome> {
  const pem = pemBlock('CERTIFICATE REQUEST', request)
  const file = line.value('request')
  if (file === null) return { text: pem, data: { ...made, request: pem } }
  const path = filePath(file, tool)
  await replaceFile(path, Buffer.from(pem), { mode: 0o644, check: () => {} })
  tool.note(`request ${path}`)
  return { text: '', data: { ...made, requestFile: path, request: pem } }
}
