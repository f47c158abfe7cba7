import { readTrust } from '../pse/load.ts'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import { certificateData, certificateText } from './certificate-text.ts'
import type { CommandLine, Syntax } from './command-line.ts'
import { filePath, psePath } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { issuers, pin, pse } from './options.ts'
import { certificateOfKey, completeChain } from './own-certificate.ts'
import { requireKey, storeChanged } from './store-identity.ts'
import type { Outcome, Tool } from './tool.ts'

/** `import_own_cert` */
export const syntax: Syntax = {
  name: 'import_own_cert',
  summary: 'Puts the answer of the CA to a request into the PSE the request was made from, with the certificates that lead up from it.',
  options: {
    pse,
    pin,
    certificate: { letter: 'c', value: '<file>', required: true, text: 'the answer: PEM, DER or PKCS#7, alone or with its issuers, in any order' },
    issuers
  }
}

/** Checks key, chain and dates, and replaces the own certificate and its chain. The trust list stays as it is. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  const path = psePath(line, tool)
  const answerFile = filePath(line.required('certificate'), tool)
  const answer = await readTrust(answerFile)
  const more = await certificatesOf(line.values('issuers'), tool)
  const opened = await openIdentity(path, line, tool)
  const { privateKey, certificate: present } = requireKey(opened.identity)
  const own = certificateOfKey(privateKey, answer, { answer: answerFile, identity: path, now: tool.now() })
  const chain = completeChain(own, [...answer, ...more, ...[...opened.identity.chain, ...opened.identity.trusted].map(parseCertificate)], tool)
  const before = parseCertificate(present)
  if (own.subject !== before.subject) tool.warn(`the CA has changed the name: it was "${before.subject}" and is "${own.subject}"`)
  // a self-signed certificate is its own root, and stands in the trust list of a PSE as that; replaced, it verifies nobody
  const trusted = opened.identity.trusted.filter(der => own.der.equals(present) || !der.equals(present))
  await storeChanged(opened, { certificate: own.der, chain: chain.map(({ der }) => der), trusted })
  return {
    text: `${[own, ...chain].map((one, i) => certificateText(one, { now: tool.now(), indent: '  '.repeat(i) })).join('\n')}\n`,
    data: { file: path, certificate: certificateData(own), chain: chain.map(certificateData) }
  }
}

/** The certificates of files and directories. */
export async function certificatesOf (names: readonly string[], tool: Tool): Promise<Certificate[]> {
  return (await Promise.all(names.map(name => readTrust(filePath(name, tool))))).flat()
}
