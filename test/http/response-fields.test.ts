import t from 'tap'
import { reasonPhrase, responseFields, switchingFields, trailerFields } from '../../src/http/response-fields.ts'

const raw = (...fields: string[]): Buffer[] => fields.map(text => Buffer.from(text, 'latin1'))

t.test('what goes to the client', async t => {
  const rows: Array<[string, Buffer[], string[], number | null]> = [
    ['order, case, duplicates, bytes', raw('B', '1', 'a', '\xe9', 'B', '3'), ['B', '1', 'a', '\xe9', 'B', '3'], null],
    ['a length', raw('CONTENT-length', '7'), ['CONTENT-length', '7'], 7],
    ['hop-by-hop', raw('Keep-Alive', 'x', 'Transfer-Encoding', 'chunked', 'Upgrade', 'x', 'Proxy-Authenticate', 'x', 'Trailer', 'x'), [], null],
    ['named by Connection', raw('Connection', 'X-A', 'connection', 'X-B', 'x-a', '1', 'X-b', '2'), [], null],
    ['Host means nothing in an answer', raw('Host', 'x'), ['Host', 'x'], null]
  ]
  for (const [name, fields, list, contentLength] of rows) t.strictSame(responseFields(fields), { list, contentLength, coded: false }, name)
})

t.test('answers without a body do not say a length, other codings than chunked are noticed', async t => {
  t.strictSame(responseFields(raw('A', 'b', 'Content-Length', '7'), { mayHaveLength: false }).list, ['A', 'b'])
  const rows: Array<[string[], boolean]> = [[['chunked'], false], [['Chunked '], false], [['identity'], false], [[''], false], [['gzip, chunked'], true], [['chunked, x'], true], [['gzip', 'chunked'], true]]
  for (const [codings, coded] of rows) {
    t.equal(responseFields(raw(...codings.flatMap(value => ['Transfer-Encoding', value]))).coded, coded, codings.join('; '))
  }
})

t.test('the announcement of trailers passes only with chunks', async t => {
  t.strictSame(responseFields(raw('Trailer', 'A', 'trailer', 'B'), { keepTrailer: true }).list, ['Trailer', 'A', 'trailer', 'B'])
  t.strictSame(responseFields(raw('Trailer', 'A', 'Content-Length', '1'), { keepTrailer: true }).list, ['Content-Length', '1'])
})

t.test('the gateway\'s own fields', async t => {
  const added = { 'Strict-Transport-Security': 'x', 'set-cookie': ['a', 'b'], age: 3, none: undefined }
  t.strictSame(responseFields(raw('Set-Cookie', 'own', 'strict-transport-security', 'y', 'AGE', '9', 'Z', '1'), { added }).list,
    ['Set-Cookie', 'own', 'Z', '1', 'Strict-Transport-Security', 'x', 'set-cookie', 'a', 'set-cookie', 'b', 'age', '3'])
})

t.test('a 101 keeps the fields of its change of protocol and loses framing', async t => {
  t.strictSame(switchingFields(raw('Upgrade', 'x', 'CONNECTION', 'Upgrade', 'Content-Length', '0', 'Transfer-Encoding', 'chunked', 'Sec-X', '1'), { a: 'b' }),
    ['Upgrade', 'x', 'CONNECTION', 'Upgrade', 'Sec-X', '1', 'a', 'b'])
})

t.test('trailers lose what frames or routes a message', async t => {
  t.strictSame(trailerFields(raw('X-Sum', '\xe9', 'Content-Length', '1', 'host', 'x', 'Transfer-Encoding', 'x', 'Connection', 'x', 'X-Sum', '2')), [['X-Sum', '\xe9'], ['X-Sum', '2']])
})

t.test('reason phrases', async t => {
  const rows: Array<[number, string | undefined, string]> = [
    [200, 'Fine', 'Fine'], [200, '', ''], [404, undefined, 'Not Found'], [799, undefined, ''], [200, 'Schön', 'Sch\xc3\xb6n'], [200, 'Sch\ufffdn', 'OK'], [200, 'a\tb', 'a\tb']
  ]
  for (const [status, text, expected] of rows) t.equal(reasonPhrase(status, text), expected)
})

t.test('lists of strings are read too', async t => {
  t.strictSame(responseFields(['A', 'b']).list, ['A', 'b'])
  t.strictSame(trailerFields(['A', 'b']), [['A', 'b']])
})
