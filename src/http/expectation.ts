import type { IncomingMessage, ServerResponse } from 'node:http'
import { changeField } from './request-field.ts'

/**
 * Makes the gateway answer `Expect: 100-continue` itself: `100 Continue` goes out when somebody starts to read the body, which the
 * forward path does once the request is being written to the back end, and a handler does when it parses the body. Without a reader there
 * is no 100, and Node closes the connection after the final answer, because the client may send the body or not.
 *
 * @see RFC 9110 section 10.1.1
 */
export function continueOnRead (request: IncomingMessage, response: ServerResponse): void {
  const onListener = (event: string): void => {
    if (event !== 'data' && event !== 'readable') return
    request.off('newListener', onListener)
    if (!response.headersSent) response.writeContinue()
  }
  request.on('newListener', onListener)
  dropExpect(request)
}

/** Removes `Expect` from every view of the header: it is answered here and means nothing to who comes next. */
export function dropExpect (request: IncomingMessage): void {
  changeField(request, 'expect', () => null)
}
