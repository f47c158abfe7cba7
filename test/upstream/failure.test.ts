import t from 'tap'
import { errors as undici } from 'undici'
import { errors } from '../../src/errors.ts'
import { failureOf, isClosed, speaksAgainstServer } from '../../src/upstream/failure.ts'

const coded = (code: string, message = 'secret 10.0.0.1'): Error => Object.assign(new Error(message), { code })

t.test('library errors become errors of ours, by cause', async t => {
  const rows: Array<[Error, boolean, string, number]> = [
    [coded('ECONNREFUSED'), false, 'UPSTREAM_UNREACHABLE', 502], [coded('ENOTFOUND'), false, 'UPSTREAM_UNREACHABLE', 502], [new Error('x'), false, 'UPSTREAM_UNREACHABLE', 502],
    [coded('ETIMEDOUT'), false, 'UPSTREAM_CONNECT_TIMEOUT', 504], [coded('UND_ERR_CONNECT_TIMEOUT'), false, 'UPSTREAM_CONNECT_TIMEOUT', 504],
    [coded('SELF_SIGNED_CERT_IN_CHAIN'), false, 'UPSTREAM_TLS', 502], [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), false, 'UPSTREAM_TLS', 502], [coded('CERT_HAS_EXPIRED'), false, 'UPSTREAM_TLS', 502],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), false, 'UPSTREAM_TLS', 502], [coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), true, 'UPSTREAM_TLS', 502], [new errors.UPSTREAM_NAME('a', 'b'), false, 'UPSTREAM_TLS', 502],
    [new undici.HeadersTimeoutError(), true, 'UPSTREAM_TIMEOUT', 504], [new undici.BodyTimeoutError(), true, 'UPSTREAM_TIMEOUT', 504], [new undici.HeadersOverflowError(), true, 'UPSTREAM_ANSWER_HEADER', 502],
    [coded('HPE_INVALID_CONSTANT'), true, 'UPSTREAM_ANSWER', 502], [new undici.HTTPParserError('x'), true, 'UPSTREAM_ANSWER', 502], [new undici.SocketError('bad response'), true, 'UPSTREAM_ANSWER', 502],
    [new undici.SocketError('other side closed'), true, 'UPSTREAM_CLOSED', 502], [coded('ECONNRESET'), true, 'UPSTREAM_CLOSED', 502], [new Error('x'), true, 'UPSTREAM_CLOSED', 502],
    [new undici.ClientDestroyedError(), false, 'UPSTREAM_STOPPED', 503], [new undici.ClientClosedError(), false, 'UPSTREAM_STOPPED', 503],
    [new undici.InvalidArgumentError('invalid x header'), false, 'FORWARD_FIELD', 400], [new errors.FORWARD_BODY_TOO_LARGE(), true, 'FORWARD_BODY_TOO_LARGE', 413]
  ]
  for (const [error, started, code, status] of rows) {
    const failure = failureOf(error, { started })
    t.equal(failure.code, `POSTERN_ERR_${code}`, String(error))
    t.equal(failure.statusCode, status)
    t.notMatch(failure.message, /secret|10\.0/)
    if (failure !== error) t.equal(failure.cause, error)
  }
})

t.test('which failures speak against the server, and which allow another attempt', async t => {
  t.ok(speaksAgainstServer(new errors.UPSTREAM_TLS()))
  t.notOk(speaksAgainstServer(new errors.UPSTREAM_TIMEOUT()))
  t.ok(isClosed(new undici.SocketError('other side closed')))
  t.ok(isClosed(coded('EPIPE')))
  t.notOk(isClosed(new undici.SocketError('bad response')))
  t.notOk(isClosed(new undici.HeadersTimeoutError()))
})
