import { randomBytes } from 'node:crypto'
import tls from 'node:tls'
import t from 'tap'
import { checkPlatform, describePlatform, examinePlatform, type PlatformFacts } from '../../src/tls/platform-check.ts'
import { crosses, mintHosts, showsChainOf, type Server } from '../../src/tls/platform-trials.ts'
import { secureContextOptions } from '../../src/tls/secure-context.ts'

t.test('the running Node keeps sessions apart in this arrangement', async t => {
  const facts = await examinePlatform()
  t.equal(facts.crossesIdentities, false)
  t.type(facts.showsChain, 'boolean')
  t.type(facts.crossesContexts, 'boolean')
  t.equal((await checkPlatform()).length, 2)
})

t.test('the trial sees a client certificate that crosses', async t => {
  const hosts = await mintHosts()
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    // one context for all names: what a session makes of the client counts for every host
    const server = tls.createServer({
      ...secureContextOptions(hosts.first, { ciphers: null, groups: null, minVersion: version, maxVersion: version, sessionTimeoutSeconds: null }),
      requestCert: true,
      rejectUnauthorized: false
    })
    const careless: Server = async connection => await new Promise(resolve => { server.once('secureConnection', resolve).emit('connection', connection) })
    t.equal(await crosses(careless, hosts, version), true, version)
  }
})

t.test('the trial sees a chain that is not there', async t => {
  const hosts = await mintHosts()
  const [leaf] = String(hosts.client.cert).split(/(?<=-----END CERTIFICATE-----\n)/) as [string]
  t.equal(await showsChainOf(hosts, 'TLSv1.3'), true)
  t.equal(await showsChainOf({ ...hosts, client: { ...hosts.client, cert: leaf } }, 'TLSv1.3'), false)
})

t.test('a trial that tried nothing gives no verdict', async t => {
  const hosts = await mintHosts()
  const server = tls.createServer({
    ...secureContextOptions(hosts.first, { ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', sessionTimeoutSeconds: null }),
    requestCert: true,
    rejectUnauthorized: false
  })
  const forgetful: Server = async connection => {
    server.setTicketKeys(randomBytes(48))
    return await new Promise(resolve => { server.once('secureConnection', resolve).emit('connection', connection) })
  }
  await t.rejects(crosses(forgetful, hosts, 'TLSv1.2'), { code: 'POSTERN_ERR_TLS_TRIAL' })
})

t.test('one line says what is done about each defect', async t => {
  const rows: Array<[PlatformFacts, RegExp, RegExp]> = [
    [{ showsChain: true, crossesContexts: false, crossesIdentities: false }, /^Node v1 shows the certificate chain/, /^Node v1 does not let .* holds$/],
    [{ showsChain: false, crossesContexts: true, crossesIdentities: false }, /^Node v1 loses the certificate chain .* rebuilt/, /^Node v1 lets .* holds$/],
    [{ showsChain: null, crossesContexts: null, crossesIdentities: null }, /may lose/, /may let .* could not be tried here$/]
  ]
  for (const [facts, ...lines] of rows) t.match(describePlatform(facts, 'v1'), lines)
})

t.test('refuses a platform on which client certificates cross whatever is done', async t => {
  t.throws(() => describePlatform({ showsChain: true, crossesContexts: true, crossesIdentities: true }, 'v1'), { code: 'POSTERN_ERR_TLS_PLATFORM', message: /^Node v1 lets/ })
})
