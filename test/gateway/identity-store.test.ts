import t from 'tap'
import { checkIdentity } from '../../src/gateway/identity-check.ts'
import { IdentityStore, isSameIdentity } from '../../src/gateway/identity-store.ts'
import { identityOf } from '../helpers/identity.ts'
import { mintPki } from '../helpers/pki.ts'
import { planOfText } from '../helpers/profile-plan.ts'

const [pki, other] = [await mintPki(t), await mintPki(t)]

t.test('the map follows, and every earlier identity leads to the present one', async t => {
  const [first, second, third] = [identityOf(pki.server, []), identityOf(pki.client, []), identityOf(pki.gateway, [])]
  const store = new IdentityStore(new Map([['a', first]]))
  const { present } = store
  t.equal(present.get('a'), first)
  t.equal(store.presentOf(first), first)
  store.replace('a', second)
  store.replace('a', third)
  t.equal(present.get('a'), third)
  for (const identity of [first, second, third]) t.equal(store.presentOf(identity), third)
  store.replace('b', first)
  t.equal(present.get('b'), first)
  t.equal(store.presentOf(second), third)
})

t.test('identities are the same by what they are, not by where they came from', async t => {
  const identity = identityOf(pki.server, [pki.root])
  t.equal(isSameIdentity(identity, { ...identityOf(pki.server, [pki.root]), source: { file: '/other', format: 'pkcs12' } }), true)
  t.equal(isSameIdentity(identityOf(null, [pki.root]), identityOf(null, [pki.root])), true)
  for (const different of [
    { ...identity, privateKey: pki.client.key },
    { ...identity, privateKey: null },
    { ...identity, certificate: pki.client.der },
    { ...identity, certificate: null },
    { ...identity, chain: [] },
    { ...identity, trusted: [other.root.der] },
    { ...identity, trusted: [pki.root.der, other.root.der] }
  ]) {
    t.equal(isSameIdentity(identity, different), false)
    t.equal(isSameIdentity(different, identity), false)
  }
})

t.test('an identity is tried for everything that uses it', async t => {
  const { plan } = planOfText(`icm/server_port_0 = PROT=HTTPS, PORT=443
icm/server_port_1 = PROT=HTTP, PORT=80
ssl/server_pse = /server.pem
ssl/client_pse = /client.pem
ssl/client_ciphersuites = 560:HIGH
wdisp/system_0 = SID=ABC, EXTSRV=https://a.example
`)
  checkIdentity('/server.pem', identityOf(pki.server, []), plan!)
  checkIdentity('/client.pem', identityOf(null, [pki.root]), plan!)
  t.throws(() => { checkIdentity('/server.pem', identityOf(null, [pki.root]), plan!) }, { code: 'POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY' })
  const mismatched = { ...identityOf(pki.server, []), privateKey: pki.client.key }
  t.throws(() => { checkIdentity('/server.pem', mismatched, plan!) }, { code: 'POSTERN_ERR_TLS_CONTEXT' })
  t.throws(() => { checkIdentity('/client.pem', mismatched, plan!) }, /key values mismatch/)
  t.throws(() => { checkIdentity('/server.pem', { ...identityOf(pki.server, []), trusted: [Buffer.from('x')] }, plan!) })
})
