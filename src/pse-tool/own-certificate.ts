/** Whether a certificate belongs to a key, and what leads up from it. */
import type { KeyObject } from 'node:crypto'
import { errors } from '../errors.ts'
import { readTrustFile } from '../pse/trust-file.ts'
import { opensslView, type Certificate } from '../x509/certificate.ts'
import { buildChain, isSelfSigned, isValidAt } from '../x509/chain.ts'
import type { Tool } from './tool.ts'

/**
 * Finds the certificate of a key among those of an answer; of several one that is valid now, and of those the one that is valid from the
 * latest date.
 *
 * @param answer name of the file, for the message, as `identity`
 * @throws POSTERN_ERR_PSE_TOOL_KEY_MISMATCH with the names that are in the answer
 */
export function certificateOfKey (privateKey: KeyObject, offered: readonly Certificate[], { answer, identity, now }: { answer: string, identity: string, now: Date }): Certificate {
  const own = offered.filter(certificate => opensslView(certificate).checkPrivateKey(privateKey))
    .sort((one, other) => Number(isValidAt(other, now)) - Number(isValidAt(one, now)) || other.notBefore.getTime() - one.notBefore.getTime())[0]
  if (own === undefined) throw new errors.PSE_TOOL_KEY_MISMATCH(answer, identity, offered.map(({ subject }) => `"${subject}"`).join(', '))
  return own
}

/**
 * The issuers of a certificate up to and including its root, in order, whatever the order of the known ones. The root of a public CA need not
 * be among them: Node knows those.
 *
 * @throws POSTERN_ERR_PSE_TOOL_ISSUER_MISSING, PSE_TOOL_DATES for the certificate and each of its issuers
 */
export function completeChain (own: Certificate, known: readonly Certificate[], tool: Tool): Certificate[] {
  const now = tool.now()
  const chain = chainToRoot(own, known, tool)
  const invalid = [own, ...chain].find(certificate => !isValidAt(certificate, now))
  if (invalid !== undefined) throw new errors.PSE_TOOL_DATES(invalid.subject, invalid.notBefore.toISOString(), invalid.notAfter.toISOString())
  return chain
}

function chainToRoot (own: Certificate, known: readonly Certificate[], tool: Tool): Certificate[] {
  const chain = buildChain(own, known, tool.now())
  const top = chain.at(-1) ?? own
  if (isSelfSigned(top)) return chain
  const publicRoots = tool.publicRoots().flatMap(pem => readTrustFile(Buffer.from(pem), 'public CAs'))
  const root = buildChain(top, publicRoots, tool.now())
  if (root.length === 0) throw new errors.PSE_TOOL_ISSUER_MISSING(top.issuer, top.subject)
  tool.note(`the root "${top.issuer}" is taken from the public CAs that Node knows`)
  return [...chain, ...root]
}
