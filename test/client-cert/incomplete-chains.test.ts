import t from 'tap'
import { IncompleteChains } from '../../src/client-cert/incomplete-chains.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const { client, intermediate, root, gateway } = await mintPki(t)
const seen = (leaf: Issued, chain: readonly Issued[], chainComplete: boolean) => ({ certificate: leaf.certificate, chain: chain.map(({ certificate }) => certificate), chainComplete })

t.test('each certificate is reported once, with the issuer that is missing', async t => {
  const chains = new IncompleteChains()
  t.equal(chains.report(seen(client, [intermediate], true)), null, 'a complete chain is no news')
  t.strictSame(chains.report(seen(client, [], false)), { subject: 'CN=user, OU=Test, O=Example, C=DE', issuerMissing: intermediate.certificate.subject })
  t.equal(chains.report(seen(client, [], false)), null)
  t.strictSame(chains.report(seen(gateway, [intermediate], false)), { subject: 'CN=wd, OU=Gateway, O=Example, C=DE', issuerMissing: root.certificate.subject })
})

t.test('what is remembered has a bound', async t => {
  const chains = new IncompleteChains()
  const named = (fingerprint256: string) => ({ certificate: { ...client.certificate, fingerprint256 }, chain: [], chainComplete: false })
  for (let n = 0; n < 1000; n++) t.not(chains.report(named(String(n))), null)
  t.equal(chains.report(named('0')), null)
  t.not(chains.report(named('one more')), null)
  t.not(chains.report(named('0')), null, 'forgotten together with all others')
})
