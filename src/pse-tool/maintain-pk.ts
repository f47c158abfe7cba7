import { readTrust } from '../pse/load.ts'
import { errors } from '../errors.ts'
import { opensslView, parseCertificate, type Certificate } from '../x509/certificate.ts'
import { certificateData, certificateText } from './certificate-text.ts'
import { usage, type CommandLine, type Syntax } from './command-line.ts'
import { filePath, psePath } from './location.ts'
import { certificatesOf } from './import-own-cert.ts'
import { openIdentity } from './open-identity.ts'
import { pin, pse } from './options.ts'
import { storeChanged } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `maintain_pk` */
export const syntax: Syntax = {
  name: 'maintain_pk',
  summary: 'Lists and changes the certificates that are trusted (SAP: PK list).',
  options: {
    pse,
    pin,
    list: { letter: 'l', text: 'list them; what happens without -a, -m and -d as well' },
    add: { letter: 'a', value: '<file>', many: true, text: 'trust the one certificate in this file (PEM, DER or PKCS#7); may be repeated' },
    'add-many': { letter: 'm', value: '<file>', many: true, text: 'trust all certificates in this file or directory; may be repeated' },
    delete: { letter: 'd', value: '<number>', many: true, text: 'no longer trust the certificate with this number of the list; may be repeated' }
  }
}

/** Adds, deletes, and lists what is trusted then. Numbers are those of the list before the change. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  const path = psePath(line, tool)
  const changes = ['add', 'add-many', 'delete'].some(option => line.has(option))
  if (line.has('list') && changes) return usage(syntax, '-l does not go together with -a, -m and -d')
  const added = await addedCertificates(line, tool)
  const opened = await openIdentity(path, line, tool)
  const before = opened.identity.trusted.map(parseCertificate)
  const wanted = withAdded(withoutDeleted(before, line.values('delete'), path), added, tool)
  // as it is stored: a PSE keeps the list in an order of its own, and the next -d counts in that one
  const after = changes ? (await storeChanged(opened, { trusted: wanted.map(({ der }) => der) })).trusted.map(parseCertificate) : before
  const text = after.map((certificate, i) => `${i + 1}.\n${certificateText(certificate, { indent: '   ', now: tool.now() })}\n`).join('')
  return {
    text: text === '' ? 'no certificate is trusted\n' : text,
    data: { file: path, trusted: after.map((certificate, i) => ({ number: i + 1, ...certificateData(certificate) })) }
  }
}

async function addedCertificates (line: CommandLine, tool: Tool): Promise<Certificate[]> {
  const single = line.values('add').map(async name => {
    const certificates = await readTrust(filePath(name, tool))
    if (certificates.length > 1) usage(syntax, `-a ${name}: it holds ${certificates.length} certificates; expected one, or -m to trust all of them`)
    return certificates
  })
  return [...(await Promise.all(single)).flat(), ...await certificatesOf(line.values('add-many'), tool)]
}

function withoutDeleted (trusted: readonly Certificate[], numbers: readonly string[], path: string): Certificate[] {
  const indexes = new Set(numbers.map(number => {
    if (!/^\d+$/.test(number) || trusted[Number(number) - 1] === undefined) throw new errors.PSE_TOOL_TRUST_NUMBER(number, path, trusted.length)
    return Number(number) - 1
  }))
  return trusted.filter((_, i) => !indexes.has(i))
}

function withAdded (trusted: readonly Certificate[], added: readonly Certificate[], tool: Tool): Certificate[] {
  const result = new Map(trusted.map(certificate => [certificate.fingerprint256, certificate]))
  for (const certificate of added) {
    if (result.has(certificate.fingerprint256)) tool.note(`"${certificate.subject}" is trusted already`)
    if (certificate.notAfter < tool.now()) tool.warn(`the certificate of "${certificate.subject}" has expired`)
    if (!opensslView(certificate).ca) tool.warn(`"${certificate.subject}" is no CA: trusted is this one certificate, and none that it issued`)
    result.set(certificate.fingerprint256, certificate)
  }
  return [...result.values()]
}
