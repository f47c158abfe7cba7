/**
 * Answers errors: neutral text, code and request id, as JSON or as a small page; the numbers of HTTP or those of SAP.
 */
import type { Socket } from 'node:net'
import type { FastifyError, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { clientErrorAnswer } from '../src/http/client-error.ts'
import { renderErrorPage } from '../src/http/error-page.ts'
import { publicError } from '../src/http/error-status.ts'
import { checkOptions } from '../src/options.ts'

/** Options of the plugin `error-pages`. */
export const ErrorPagesOptionsSchema = Type.Object({
  errorStatus: Type.Union([Type.Literal('http'), Type.Literal('sap')], {
    description: 'Status numbers of errors between the gateway and the back end: `http` (502, 503, 504) or those of SAP\'s own error pages.',
    default: 'http',
    'x-sap': { parameter: 'postern/error_status' }
  })
}, { additionalProperties: false })

/** Options of the plugin `error-pages`. */
export type ErrorPagesOptions = Partial<Static<typeof ErrorPagesOptionsSchema>>

const plugin: FastifyPluginAsync<ErrorPagesOptions> = async (fastify, json) => {
  const { errorStatus } = checkOptions('error-pages', ErrorPagesOptionsSchema, json)
  fastify.setErrorHandler((error: FastifyError, request, reply) => {
    const shown = publicError(error, errorStatus)
    // an error of ours was logged where it was made, with its cause; of anybody else's this is the only trace
    if (shown.code === 'POSTERN_ERR_HTTP_INTERNAL') request.log.error({ err: error, code: shown.code }, 'request failed')
    const { contentType, body } = renderErrorPage({ ...shown, requestId: request.id }, request.headers.accept)
    return reply.code(shown.statusCode).header('content-type', contentType).header('cache-control', 'no-store').send(body)
  })
}

interface ParserError { readonly code?: string }
type AnsweringSocket = Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null }

/**
 * Answers what Node's parser refuses, before there is a request: 400, 408, 413 or 431. For Fastify's option `clientErrorHandler`.
 */
export function clientErrorHandler (error: ParserError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  // bytes within another answer would be read as a part of it
  if ((socket as AnsweringSocket)._httpMessage?.headersSent === true) {
    socket.destroy()
    return
  }
  socket.end(clientErrorAnswer(error.code), () => { socket.destroy() })
}

/** Error pages. */
export const errorPages = fp(plugin, { name: 'postern/error-pages', fastify: '5.x' })
export default errorPages
