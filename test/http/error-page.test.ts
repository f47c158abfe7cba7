import t from 'tap'
import { clientErrorAnswer, closingAnswer } from '../../src/http/client-error.ts'
import { renderErrorPage } from '../../src/http/error-page.ts'
import { errors } from '../../src/errors.ts'

const error = { statusCode: 502, code: 'C', message: 'm', requestId: null }

t.test('HTML for who names it, JSON for everybody else (RFC 9110 section 12.5.1)', async t => {
  const rows: Array<[string | undefined, boolean]> = [
    [undefined, false], ['', false], ['*/*', false], ['application/json', false], ['text/html', true], ['TEXT/HTML;q=0.5', true], ['application/xhtml+xml', true],
    ['text/html;q=0, */*', false], ['application/json, text/html', true], ['application/json;q=0.5, text/html;q=0.4', false], ['text/html;q=x', false], ['text/htmlx', false],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true]
  ]
  for (const [accept, html] of rows) t.equal(renderErrorPage(error, accept).contentType.startsWith('text/html'), html, accept ?? 'none')
})

t.test('a status that nobody knows', async t => {
  t.match(renderErrorPage({ ...error, statusCode: 599 }, 'text/html').body, '<h1>599 Error</h1>')
})

t.test('answers to what the parser refuses', async t => {
  const rows: Array<[string | undefined, number]> = [['HPE_HEADER_OVERFLOW', 431], ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413], ['ERR_HTTP_REQUEST_TIMEOUT', 408], ['HPE_INVALID_METHOD', 400], ['toString', 400], [undefined, 400]]
  for (const [code, status] of rows) {
    const [head = '', body = ''] = clientErrorAnswer(code).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1.1 ${status} [^]*\r\nConnection: close`))
    t.match(head, `Content-Length: ${body.length}\r\n`)
    t.equal(JSON.parse(body).statusCode, status)
  }
  t.match(closingAnswer(new errors.FORWARD_METHOD(), { Allow: 'GET' }), '\r\nAllow: GET\r\n\r\n')
})
