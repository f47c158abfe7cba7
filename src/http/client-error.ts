import { STATUS_CODES } from 'node:http'
import { errors } from '../errors.ts'
import { renderErrorPage } from './error-page.ts'
import { publicError } from './error-status.ts'

const byCode = {
  HPE_HEADER_OVERFLOW: errors.HTTP_HEADER_TOO_LARGE,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: errors.HTTP_CHUNK_EXTENSIONS,
  ERR_HTTP_REQUEST_TIMEOUT: errors.HTTP_REQUEST_TIMEOUT
} as const

/**
 * The whole answer to a request that Node's parser refused, before there was a request object.
 *
 * @param code of the parser's error
 */
export function clientErrorAnswer (code: string | undefined): string {
  const Refusal = code !== undefined && Object.hasOwn(byCode, code) ? byCode[code as keyof typeof byCode] : errors.HTTP_BAD_REQUEST
  return closingAnswer(new Refusal())
}

/** A complete answer that ends the connection, for places where there is no response object. */
export function closingAnswer (error: Error, fields: Readonly<Record<string, string>> = {}): string {
  const shown = publicError(error, 'http')
  const { contentType, body } = renderErrorPage({ ...shown, requestId: null }, undefined)
  const head = [
    `HTTP/1.1 ${shown.statusCode} ${STATUS_CODES[shown.statusCode] ?? ''}`,
    `Content-Type: ${contentType}`, `Content-Length: ${Buffer.byteLength(body)}`, 'Cache-Control: no-store', 'Connection: close',
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
