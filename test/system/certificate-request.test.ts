import t from 'tap'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'
import { identityOf } from '../helpers/tls.ts'
import { buildTlsServer } from '../helpers/tls-server.ts'

t.test('openssl s_client is told the CAs of the trust list of the host it names', async t => {
  const a = await mintPki(t, { rootSubject: 'CN=Root of A, O=Example', serverNames: ['a.example'] })
  const b = await mintPki(t, { rootSubject: 'CN=Root of B, O=Example', serverNames: ['b.example'] })
  const { port } = await buildTlsServer(t, {
    identities: [{ name: 'a', identity: identityOf(a.server, [a.root]) }, { name: 'b', identity: identityOf(b.server, [b.root]) }],
    verifyClient: 1
  })
  for (const version of ['-tls1_2', '-tls1_3']) {
    for (const [name, expected] of [['a.example', 'Root of A'], ['b.example', 'Root of B'], ['c.example', 'Root of A']] as const) {
      const { stdout } = await runToEnd('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', name, version], { input: '' })
      const names = /Acceptable client certificate CA names\n([^]*?)\n(?:Requested|Client Certificate)/.exec(stdout)?.[1]
      t.equal(names, `O = Example, CN = ${expected}`, `${name} ${version}`)
    }
  }
})
