import t from 'tap'
import { askOn, buildInitiator, takeFrom } from '../helpers/initiator.ts'
import { mintPki } from '../helpers/pki.ts'
import { buildAcceptor } from '../helpers/reverse-invoke-peer.ts'

for (const encrypted of [false, true]) {
  t.test(`requests reach the application; ${encrypted ? 'TLS' : 'plain'}`, async t => {
    const pki = encrypted ? await mintPki(t) : null
    const acceptor = await buildAcceptor(t, { poolSize: 1 }, pki)
    const { app, log } = await buildInitiator(t, { port: acceptor.port }, { pki })
    app.reverseInvokeInitiator.start()
    await log.line('registered with the acceptor')
    const connection = await takeFrom(acceptor.app.reverseInvoke)
    const answer = await askOn(connection, { path: '/x?y' })
    t.equal(answer.status, 200)
    t.match(JSON.parse(answer.body), { method: 'GET', target: '/x?y', headers: { host: 'app.inner' } })
    const posted = await askOn(connection, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' })
    t.same(JSON.parse(posted.body), { body: 'hello' }, 'the next request on the same connection')
  })
}
