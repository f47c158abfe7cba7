import { errors } from '../errors.ts'

/** An error that has a code, and a status where it may reach a client. */
export interface CodedError extends Error {
  readonly code: string
  readonly statusCode?: number
}

const TLS_CODES = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH|EPROTO|POSTERN_ERR_UPSTREAM_(NAME|REVOKED))/
const ANSWER_CODES = /^(HPE_|UND_ERR_RES_)/
const CLOSED_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED', 'POSTERN_ERR_UPSTREAM_CLOSED'])

const byCode = {
  ETIMEDOUT: errors.UPSTREAM_CONNECT_TIMEOUT,
  UND_ERR_CONNECT_TIMEOUT: errors.UPSTREAM_CONNECT_TIMEOUT,
  UND_ERR_HEADERS_TIMEOUT: errors.UPSTREAM_TIMEOUT,
  UND_ERR_BODY_TIMEOUT: errors.UPSTREAM_TIMEOUT,
  UND_ERR_HEADERS_OVERFLOW: errors.UPSTREAM_ANSWER_HEADER,
  UND_ERR_CLOSED: errors.UPSTREAM_STOPPED,
  UND_ERR_DESTROYED: errors.UPSTREAM_STOPPED,
  UND_ERR_INVALID_ARG: errors.FORWARD_FIELD,
  UND_ERR_NOT_SUPPORTED: errors.FORWARD_FIELD
} as const

/**
 * Turns what a library reports into an error of ours. The text is neutral; the library's error is its `cause`.
 *
 * @param started whether the request was handed to a connection, that is: whether the server was reached
 */
export function failureOf (error: Error, { started }: { started: boolean }): CodedError {
  const code = codeOf(error)
  // 500 is what the library gives errors that are not meant for clients
  if (code.startsWith('POSTERN_') && 'statusCode' in error && error.statusCode !== 500) return error as CodedError
  const options = { cause: error }
  if (Object.hasOwn(byCode, code)) return new byCode[code as keyof typeof byCode](options)
  if (TLS_CODES.test(code)) return new errors.UPSTREAM_TLS(options)
  if (!started) return new errors.UPSTREAM_UNREACHABLE(options)
  if (ANSWER_CODES.test(code) || isNonsense(error)) return new errors.UPSTREAM_ANSWER(options)
  return new errors.UPSTREAM_CLOSED(options)
}

/** Tells whether the connection was closed under a request: the one case in which a request may be sent again. */
export function isClosed (error: Error): boolean {
  return CLOSED_CODES.has(codeOf(error)) && !isNonsense(error)
}

/** undici's parser errors have no code in part, and an answer that nobody asked for is a socket error with this text. */
function isNonsense ({ name, message }: Error): boolean {
  return name === 'HTTPParserError' || message === 'bad response' || message === 'bad upgrade'
}

/** Tells whether the failure speaks against the server: it could not be reached, or refuses TLS. */
export function speaksAgainstServer ({ code }: CodedError): boolean {
  return code === 'POSTERN_ERR_UPSTREAM_UNREACHABLE' || code === 'POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT' || code === 'POSTERN_ERR_UPSTREAM_TLS'
}

/** Nothing was sent, and nothing speaks against the server either: reverse invoke has no connection to it at the moment. */
const MOMENTARY = new Set(['NOT_REGISTERED', 'NO_CONNECTION', 'BUSY', 'GONE'].map(what => `POSTERN_ERR_REVERSE_INVOKE_${what}`))

/** Tells whether the server may serve the very next request: it is not taken out, but this request may go to another one at once. */
export function isMomentary (error: Error): boolean {
  return MOMENTARY.has(codeOf(error))
}

function codeOf (error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
