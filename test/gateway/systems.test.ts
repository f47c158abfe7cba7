import t from 'tap'
import { addressesOf, systemsOf, upstreamServer } from '../../src/gateway/systems.ts'
import type { Plan } from '../../src/gateway/plan.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki } from '../helpers/pki.ts'
import { planOfText } from '../helpers/profile-plan.ts'

const lines = `icm/server_port_0 = PROT=HTTPS, PORT=443
ssl/client_pse = /c.pem
wdisp/system_0 = SID=ABC, EXTSRV=https://a.example;http://[::1]:8000, SRCSRV=localhost:443
`

function planOf (text: string): Plan {
  return planOfText(text).plan as Plan
}

t.test('servers carry the loaded identity, one object for all', async t => {
  const pki = await mintPki(t)
  const identity = identityOf(pki.gateway, [pki.root])
  const plan = planOf(lines)
  const [system] = systemsOf(plan, new Map([['/c.pem', identity]]))
  t.strictSame(system?.servers.map(({ origin, host, port }) => ({ origin, host, port })), [
    { origin: 'https://a.example:443', host: 'a.example', port: 443 }, { origin: 'http://[::1]:8000', host: '::1', port: 8000 }
  ])
  t.equal(system?.servers[0]?.tls?.identity, identity)
  t.notOk('settings' in (system?.servers[0]?.tls ?? {}), 'Node\'s own suites')
  t.equal(system?.servers[1]?.tls, null)
})

t.test('cipher settings of the client side go along', async t => {
  const plan = planOf(`${lines}ssl/client_ciphersuites = 545:PFS:HIGH\n`)
  const server = upstreamServer(plan.systems[0]!.servers[0]!, { plan, identities: new Map() })
  t.match(server.tls?.settings, { minVersion: 'TLSv1.2' })
  t.strictSame(server.tls?.settings, plan.upstream.ciphers)
})

t.test('host names in SRCSRV are resolved once; unknown ones match nothing', async t => {
  const plan = planOf(lines.replace('localhost:443', 'localhost:443;no-such-host.invalid:*'))
  const addresses = await addressesOf(systemsOf(plan, new Map()))
  t.match(addresses.get('localhost')?.[0], /^(127\.0\.0\.1|::1)$/)
  t.strictSame(addresses.get('no-such-host.invalid'), [])
})
