/** Why an acceptor could not be reached, or was lost, in words that tell an administrator where to look. */
import { errors } from '../errors.ts'

/** The parts of a dial in their order. */
export type DialStep = 'DNS' | 'TCP' | 'proxy' | 'TLS' | 'upgrade' | 'registration' | 'data connection'

/** Causes, as labels of counters and as a field of log lines. */
export type Reason =
  | 'dns' | 'refused' | 'unreachable' | 'timeout' | 'proxy' | 'not-trusted' | 'wrong-name' | 'revoked' | 'certificate-refused' | 'tls' | 'denied'
  | 'endpoint' | 'replica' | 'limit' | 'replaced' | 'silent' | 'protocol' | 'ticket' | 'closed' | 'draining' | 'drained' | 'stopped' | 'other'

/** An error with its place and cause. `message` is meant for administrators. */
export interface DialFailure extends Error {
  readonly step: DialStep
  readonly reason: Reason
  /** What was wrong, without the step. */
  readonly detail: string
}

/** Makes a {@link DialFailure}, POSTERN_ERR_REVERSE_INVOKE_DIAL. */
export function dialFailure (step: DialStep, reason: Reason, detail: string): DialFailure {
  return Object.assign(new errors.REVERSE_INVOKE_DIAL(step, detail), { step, reason, detail })
}

/** Whether an error was made by {@link dialFailure}. */
function isDialFailure (error: unknown): error is DialFailure {
  return (error as { code?: unknown }).code === 'POSTERN_ERR_REVERSE_INVOKE_DIAL' && 'reason' in (error as object)
}

/** Where a dial goes, for messages. */
export interface DialPlace {
  readonly step: DialStep
  /** `address:port`, or the name at the step DNS. */
  readonly place: string
  readonly timeoutMs: number
}

const texts: ReadonlyArray<readonly [RegExp, Reason, string]> = [
  [/^(?:ENOTFOUND|EAI_|ENODATA|ESERVFAIL)/, 'dns', 'the name cannot be resolved'],
  [/^ECONNREFUSED$/, 'refused', 'connection refused: nothing listens there, or a firewall rejects it'],
  [/^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN|EACCES|EPERM)$/, 'unreachable', 'no way there from this host: routing or a firewall'],
  [/^(?:ETIMEDOUT|POSTERN_ERR_REVERSE_INVOKE_SILENT)$/, 'timeout', 'no answer in time: a firewall may drop the packets'],
  [/^POSTERN_ERR_UPSTREAM_REVOKED$/, 'revoked', 'the certificate of the acceptor is not accepted'],
  [/^(?:POSTERN_ERR_UPSTREAM_NAME|ERR_TLS_CERT_ALTNAME_INVALID)$/, 'wrong-name', 'the certificate of the acceptor is for another name'],
  [/^(?:SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|ERROR_IN_CERT|HOSTNAME_MISMATCH)/, 'not-trusted', 'the certificate of the acceptor is not trusted by the trust list of the PSE'],
  [/ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)|SSLV3_ALERT_(?:BAD_)?CERTIFICATE/, 'certificate-refused', 'the acceptor refused the certificate of this side, or its absence: the PSE has none that the acceptor trusts'],
  [/^(?:ERR_SSL|EPROTO|ERR_TLS)/, 'tls', 'no TLS connection: the other side speaks no TLS there, or no common protocol version or cipher suite'],
  [/^(?:ECONNRESET|EPIPE|ECONNABORTED)$/, 'closed', 'the other side closed the connection'],
  [/^(?:HPE_|WS_ERR|ERR_HTTP)/, 'protocol', 'what came is no answer of an acceptor']
]

/** The WebSocket library has no codes for wrong answers to its upgrade. */
const noAcceptor = [null, 'protocol', 'what came is no answer of an acceptor'] as const
const other = [null, 'other', 'failed'] as const

/** A failure from an error of Node, OpenSSL or the WebSocket library. Their codes are kept, their texts are not. */
export function failureOf (error: unknown, { step, place }: DialPlace): DialFailure {
  if (isDialFailure(error)) return error
  const { code = 'no code', message = '' } = error as { code?: string, message?: string }
  const [, reason, text] = texts.find(([pattern]) => pattern.test(code)) ?? (step === 'upgrade' ? noAcceptor : other)
  const more = reason === 'wrong-name' || reason === 'revoked' ? `: ${message}` : ''
  return dialFailure(step, reason, `${place}: ${text} (${code})${more}`)
}

/** The failure of a connection that was closed as soon as its TLS handshake had ended. */
export function closedAfterHandshake (place: string): DialFailure {
  return dialFailure('TLS', 'certificate-refused', `${place}: closed after the TLS handshake: most likely the acceptor refused the certificate of this side, or its absence`)
}

/** The failure of a step that took too long. */
export function timeoutOf ({ step, place, timeoutMs }: DialPlace): DialFailure {
  const hint = step === 'TCP' ? ': a firewall may drop the packets' : step === 'DNS' ? ': the name server does not answer' : ''
  return dialFailure(step, 'timeout', `${place}: no answer within ${timeoutMs} ms${hint}`)
}

/** The failure that an answer other than 101 to an upgrade stands for; `code` is the one in its body, if it has one. */
export function failureOfStatus (status: number, code: string | null, { step, place }: Pick<DialPlace, 'step' | 'place'>): DialFailure {
  const known = code === null ? undefined : reasonsOfCodes.get(code)
  const answer = `answer ${status}${known === undefined ? '' : `, ${code}`}`
  if (known === undefined && status === 403) return dialFailure(step, 'denied', `${place}: the acceptor does not permit this (${answer})`)
  if (known === undefined && status !== 421) return dialFailure(step, 'protocol', `${place}: this is no registration port (${answer})`)
  const reason = known ?? 'replica'
  return dialFailure(step, reason, `${place}: ${refusals[reason] ?? 'the acceptor refused'} (${answer})`)
}

const refusals: Partial<Record<Reason, string>> = {
  denied: 'the acceptor does not permit this host (wdisp/ri/acl_<xx> there)',
  'certificate-refused': 'the acceptor wants a certificate that it trusts, and got none',
  ticket: 'the acceptor does not take the ticket',
  replica: 'another replica of the acceptor answered',
  limit: 'the acceptor takes no more at the moment',
  draining: 'the acceptor is going down'
}

/** By codes that the other side sends. */
const reasonsOfCodes: ReadonlyMap<string, Reason> = new Map<string, Reason>([
  ['POSTERN_ERR_REVERSE_INVOKE_DENIED', 'denied'],
  ['POSTERN_ERR_REVERSE_INVOKE_CERTIFICATE', 'certificate-refused'],
  ['POSTERN_ERR_REVERSE_INVOKE_ENDPOINT', 'endpoint'],
  ['POSTERN_ERR_REVERSE_INVOKE_LIMIT', 'limit'],
  ['POSTERN_ERR_REVERSE_INVOKE_REPLACED', 'replaced'],
  ['POSTERN_ERR_REVERSE_INVOKE_SILENT', 'silent'],
  ['POSTERN_ERR_REVERSE_INVOKE_TICKET', 'ticket'],
  ['POSTERN_ERR_REVERSE_INVOKE_REPLICA', 'replica'],
  ['POSTERN_ERR_REVERSE_INVOKE_DRAINING', 'draining'],
  ['POSTERN_ERR_REVERSE_INVOKE_UPGRADE', 'protocol']
])

/** The failure that the acceptor named in its last message. Its text goes to terminals too: no control character of it does. */
export function failureOfMessage ({ code, message }: { readonly code: string, readonly message: string }): DialFailure {
  const printable = message.replaceAll(/[^ -~]/g, '?')
  return dialFailure('registration', reasonsOfCodes.get(code) ?? 'protocol', `the acceptor ended it: ${printable} (${code})`)
}
