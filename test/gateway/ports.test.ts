import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { addressOf, listenFaultText, occupiedPorts } from '../../src/gateway/ports.ts'

const origin = { file: 'a.pfl', line: 3 }

async function occupy (t: Test, host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

t.test('an occupied port is a finding about the parameter that asks for it', async t => {
  const port = await occupy(t, '127.0.0.1')
  t.strictSame(await occupiedPorts([
    { name: 'icm/server_port_0', origin, host: '127.0.0.1', port: 0 },
    { name: 'icm/server_port_1', origin, host: '127.0.0.1', port }
  ]), [{
    severity: 'error',
    code: 'POSTERN_ERR_GATEWAY_LISTEN',
    file: 'a.pfl',
    line: 3,
    parameter: 'icm/server_port_1',
    message: `127.0.0.1:${port} is in use by another process`,
    expected: 'an address of this host and a port that is free and that this user may bind'
  }])
})

t.test('so is one at another address where all addresses are wanted, and a host that is none', async t => {
  const port = await occupy(t, '0.0.0.0')
  const everywhere = await occupiedPorts([{ name: 'a', origin, host: null, port }])
  t.match(everywhere, [{ message: `*:${port} is in use by another process` }])
  t.match(await occupiedPorts([{ name: 'a', origin, host: '192.0.2.1', port: 0 }]), [{ message: '192.0.2.1:0 is no address of this host' }])
  t.match(await occupiedPorts([{ name: 'a', origin, host: 'no-such-host.invalid', port: 0 }]), [{ message: /no-such-host\.invalid:0 is a host name that cannot be resolved/ }])
})

t.test('the check leaves the port free', async t => {
  const port = await occupy(t, '127.0.0.1')
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const wanted = (free.address() as AddressInfo).port
  free.close()
  await once(free, 'close')
  t.not(wanted, port)
  for (let n = 0; n < 2; n++) t.strictSame(await occupiedPorts([{ name: 'a', origin, host: '127.0.0.1', port: wanted }]), [])
})

t.test('a host is one address', async t => {
  t.equal(await addressOf('127.0.0.1'), '127.0.0.1')
  t.match(await addressOf('localhost'), /^(127\.0\.0\.1|::1)$/)
  for (const all of [null, '*']) t.match(await addressOf(all), /^(::|0\.0\.0\.0)$/)
})

t.test('reasons in words', async t => {
  const rows: Array<[code: string | undefined, text: RegExp]> = [
    ['EACCES', /may not be bound by this user/], ['EADDRNOTAVAIL', /no address of this host/], ['EAI_AGAIN', /cannot be resolved/],
    ['EPERM', /cannot be bound \(EPERM\)/], [undefined, /cannot be bound \(unknown reason\)/]
  ]
  for (const [code, text] of rows) t.match(listenFaultText({ code }), text)
})
