import { STATUS_CODES } from 'node:http'

/** Which numbers errors get: those of HTTP, or those of SAP's own error pages. */
export type StatusMap = 'http' | 'sap'

/** What a client may know of an error. */
export interface PublicError {
  readonly statusCode: number
  readonly code: string
  readonly message: string
}

const NOT_REACHED = { statusCode: 404, message: 'Partner not reached' }

/** SAP's numbers, where they differ. */
const SAP: Readonly<Record<string, { statusCode: number, message: string }>> = {
  POSTERN_ERR_UPSTREAM_UNREACHABLE: NOT_REACHED,
  POSTERN_ERR_UPSTREAM_CONNECT_TIMEOUT: NOT_REACHED,
  POSTERN_ERR_UPSTREAM_TLS: NOT_REACHED,
  POSTERN_ERR_UPSTREAM_TIMEOUT: { statusCode: 500, message: 'Connection timed out' },
  POSTERN_ERR_UPSTREAM_CLOSED: { statusCode: 500, message: 'The server closed the connection without a complete answer.' },
  POSTERN_ERR_UPSTREAM_ANSWER: { statusCode: 500, message: 'The answer of the server is not valid.' },
  POSTERN_ERR_UPSTREAM_ANSWER_HEADER: { statusCode: 500, message: 'The header of the answer is too large.' }
}

/**
 * Says what a client may know of an error: status, code and a neutral text. Texts of libraries and of other people's plugins never pass.
 *
 * @see SAP Help, "Error Pages" of the ICM (ETIMEOUT, "Partner not reached")
 */
export function publicError (error: unknown, map: StatusMap): PublicError {
  const { code, message, statusCode } = (error !== null && typeof error === 'object' ? error : {}) as { code?: unknown, message?: unknown, statusCode?: unknown }
  const status = typeof statusCode === 'number' && statusCode >= 400 && statusCode <= 599 ? statusCode : 500
  // errors of ours without a status are for the administrator; the library gives them 500
  if (typeof code === 'string' && code.startsWith('POSTERN_ERR_') && status === statusCode && status !== 500) {
    const sap = map === 'sap' ? SAP[code] : undefined
    return { code, statusCode: sap?.statusCode ?? status, message: sap?.message ?? String(message) }
  }
  return {
    statusCode: status,
    code: status < 500 ? 'POSTERN_ERR_HTTP_REFUSED' : 'POSTERN_ERR_HTTP_INTERNAL',
    message: `${STATUS_CODES[status] ?? 'Error'}.`
  }
}
