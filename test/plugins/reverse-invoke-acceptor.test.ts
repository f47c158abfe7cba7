import { once } from 'node:events'
import t from 'tap'
import { buildAcceptor, dialControl, dialData } from '../helpers/reverse-invoke-peer.ts'
import { mintPki } from '../helpers/pki.ts'

const endpoint = { host: 'app.inner', port: 443 }

for (const encrypted of [false, true]) {
  t.test(`an initiator registers, and its connections carry requests to it; ${encrypted ? 'TLS' : 'plain'}`, async t => {
    const pki = encrypted ? await mintPki(t) : null
    const { app, port, log, counted } = await buildAcceptor(t, { poolSize: 1 }, pki)
    const dial = { port, as: pki?.gateway ?? null }
    const initiator = await dialControl(t, dial)
    await initiator.register()
    const [provider] = app.reverseInvoke.providersOf(endpoint)
    t.equal(provider?.state, 'serving')
    const { socket, status, head } = await dialData(t, dial, await initiator.ticket())
    t.equal(status, 101)
    t.match(head, /Reverse-Invoke-Replica: replica-1/)
    const taken = await provider!.take()
    taken.write('GET / HTTP/1.1\r\n')
    socket.resume()
    const [chunk] = await once(socket, 'data')
    t.equal(String(chunk), 'GET / HTTP/1.1\r\n')
    t.match(await initiator.ticket(), /^[\w-]{32}$/, 'the one that was taken is replaced')
    t.equal(await counted('postern_reverse_invoke_registrations'), 1)
    t.match(await log.line('initiator registered'), { instance: 'one', endpoints: ['app.inner:443'] })
    initiator.socket.terminate()
    await once(socket, 'close')
    t.same(app.reverseInvoke.providersOf(endpoint), [], 'the registration goes with its control channel')
    t.equal(provider?.state, 'gone')
    await t.rejects(provider!.take(), { code: 'POSTERN_ERR_REVERSE_INVOKE_GONE' })
  })
}

t.test('who only checks the way gets a connection to open, whatever is kept ready, and never a request', async t => {
  const { app, port, log } = await buildAcceptor(t, { poolSize: 0 }, null)
  const initiator = await dialControl(t, { port, as: null })
  await initiator.register({ check: true })
  const { status } = await dialData(t, { port, as: null }, await initiator.ticket())
  t.equal(status, 101)
  t.same(app.reverseInvoke.providersOf(endpoint), [])
  t.match(await log.line('initiator checks its way'), { instance: 'one' })
  const ended = log.line('registration ended')
  initiator.send({ type: 'draining' })
  t.match(await ended, { reason: 'bye' }, 'it leaves as everybody does')
})
