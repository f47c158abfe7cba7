import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { changeField } from '../../src/http/request-field.ts'

/** A request as Node's server hands it over, none of whose views has been made yet. */
async function receive (t: Test, fields: readonly string[]): Promise<IncomingMessage> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.write(['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n'))
  const [request] = await once(server, 'request') as [IncomingMessage]
  return request
}

t.test('a field that is taken away is gone from every view', async t => {
  const request = await receive(t, ['X-Gone: x', 'A: 1', 'X-GONE: y'])
  changeField(request, 'x-gone', () => null)
  t.same(request.rawHeaders, ['Host', 'a', 'A', '1'])
  t.same(request.headers, { host: 'a', a: '1' })
  t.same({ ...request.headersDistinct }, { host: ['a'], a: ['1'] })
})

t.test('what is left of several occurrences is joined as its field is', async t => {
  for (const [name, joined] of [['cookie', 'b=2; c=3'], ['x-list', 'b=2, c=3']] as const) {
    const request = await receive(t, [`${name}: a=1`, 'A: 1', `${name}: b=2`, `${name}: c=3`])
    changeField(request, name, value => value === 'a=1' ? null : value)
    t.same(request.rawHeaders, ['Host', 'a', 'A', '1', name, 'b=2', name, 'c=3'])
    t.equal(request.headers[name], joined)
    t.same(request.headersDistinct[name], ['b=2', 'c=3'])
  }
})

t.test('a request without the field stays as it is', async t => {
  const request = await receive(t, ['A: 1'])
  changeField(request, 'x-gone', () => null)
  t.same(request.rawHeaders, ['Host', 'a', 'A', '1'])
})
