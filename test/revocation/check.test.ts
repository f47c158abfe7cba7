import t from 'tap'
import { encodeDer } from '../../src/pse/der-value.ts'
import { readDistributionPoints } from '../../src/revocation/distribution-points.ts'
import type { Unknown } from '../../src/revocation/check.ts'
import { RevocationList } from '../../src/revocation/revocation-list.ts'
import { RevocationLists, type RevocationPolicy } from '../../src/revocation/revocation-lists.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { readElements } from '../../src/x509/der.ts'
import { context, none, octets, oid, seq } from '../helpers/der.ts'
import { flag, fullName, issuingDistributionPoint, mintCrl, relativeName, type CrlInput } from '../helpers/mint-crl.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'

const pki = await mintPki(t)
const { root, intermediate, client, server } = pki
const hour = 3_600_000
const from = (hours: number) => new Date(Date.now() + hours * hour)

function list (issuer: Issued, ...revoked: Issued[]): RevocationList {
  return listOf({ issuer, revoked: revoked.map(certificate => ({ certificate, reason: 1 })) })
}

function listOf (input: CrlInput): RevocationList {
  return new RevocationList(mintCrl(input), 'test.crl')
}

function holder (policy: RevocationPolicy, ...lists: RevocationList[]) {
  const unknown: Unknown[] = []
  return { lists: new RevocationLists({ policy, lists, onUnknown: finding => { unknown.push(finding) } }), unknown }
}

const path = (leaf: Issued, anchors: readonly Issued[], issuers = leaf.issuers) => ({
  certificates: [leaf, ...issuers].map(({ certificate }) => certificate),
  isAnchor: ({ fingerprint256 }: { readonly fingerprint256: string }) => anchors.some(({ certificate }) => certificate.fingerprint256 === fingerprint256)
})

/** What is found under `hard`: the kind, and the depth it was found at. */
function found (lists: RevocationList[], { leaf = client, anchors = [root], issuers = leaf.issuers, now = new Date() }: { leaf?: Issued, anchors?: Issued[], issuers?: readonly Issued[], now?: Date } = {}): string {
  const finding = holder('hard', ...lists).lists.judge(path(leaf, anchors, issuers), now)
  if (finding === null) return 'good'
  return finding.status === 'revoked' ? `revoked ${finding.depth}` : `${finding.why} ${finding.depth}`
}

t.test('a chain is good when a list of each of its issuers clears it', async t => {
  t.equal(found([list(root), list(intermediate)]), 'good')
  t.equal(found([list(root), list(intermediate, server)]), 'good', 'another certificate is revoked')
  t.equal(found([list(root), list(intermediate, client)]), 'revoked 0')
  t.equal(found([list(root, intermediate), list(intermediate)]), 'revoked 1')
  t.equal(found([list(root), list(intermediate, client)], { leaf: intermediate }), 'good')
  t.equal(found([list(root)]), 'no-list 0')
  t.equal(found([list(intermediate)]), 'no-list 1')
  t.equal(found([]), 'no-list 0')
  t.equal(found([list(root, intermediate)]), 'revoked 1', 'a revoked certificate outweighs an unknown one')
})

t.test('nothing is demanded for certificates of the trust list, and what is known of them counts', async t => {
  t.equal(found([list(intermediate)], { anchors: [intermediate] }), 'good')
  t.equal(found([list(intermediate)], { anchors: [intermediate, root] }), 'good')
  t.equal(found([list(intermediate), list(root, intermediate)], { anchors: [intermediate, root] }), 'revoked 1')
  t.equal(found([], { anchors: [client] }), 'good')
  t.equal(found([list(intermediate, client)], { anchors: [client] }), 'revoked 0')
  t.equal(found([], { leaf: root }), 'good')
})

t.test('a chain that does not reach the trust list clears nobody', async t => {
  const lists = [list(root), list(intermediate)]
  t.equal(found(lists, { issuers: [] }), 'broken-chain 0')
  t.equal(found(lists, { issuers: [intermediate] }), 'broken-chain 1')
  t.equal(found(lists, { anchors: [] }), 'broken-chain 2')
  t.equal(found([list(intermediate, client)], { issuers: [] }), 'revoked 0', 'a list of the right name')
  t.equal(found([], { issuers: [], anchors: [client] }), 'good')
  const nothing = { certificates: [], isAnchor: () => true }
  t.match(holder('hard').lists.judge(nothing), { why: 'broken-chain', depth: 0, subject: '' })
})

t.test('lists of others are none', async t => {
  const namesake = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: root, ca: true })
  t.equal(found([list(root), list(namesake)]), 'forged-list 0')
  t.equal(found([list(root), list(namesake, client)]), 'forged-list 0')
  t.equal(found([list(root), list(namesake, client), list(intermediate)]), 'good')
  t.equal(found([list(root), listOf({ issuer: intermediate, extensions: [issuingDistributionPoint(flag(4))] })]), 'unusable-list 0')
})

t.test('a list counts in its time, and revokes for ever', async t => {
  const old = (...revoked: Issued[]) => listOf({ issuer: intermediate, thisUpdate: from(-9), nextUpdate: from(-8), revoked: revoked.map(certificate => ({ certificate })) })
  t.equal(found([list(root), old()]), 'stale-list 0')
  t.equal(found([list(root), old(client)]), 'revoked 0')
  t.equal(found([list(root), listOf({ issuer: intermediate, nextUpdate: null })]), 'stale-list 0')
  t.equal(found([list(root), listOf({ issuer: intermediate, thisUpdate: from(1), nextUpdate: from(2) })]), 'future-list 0')
  t.equal(found([list(root), old()], { now: from(-8.5) }), 'future-list 1', 'the list of the root is not valid yet then')
})

t.test('of the lists of one issuer the newest counts', async t => {
  const revoked = [{ certificate: client, reason: 6 }]
  const hold = listOf({ issuer: intermediate, number: 5, revoked })
  const released = listOf({ issuer: intermediate, number: 6 })
  t.equal(found([list(root), hold, released]), 'good')
  t.equal(found([list(root), released, hold]), 'good')
  t.equal(found([list(root), listOf({ issuer: intermediate, number: 4 }), hold]), 'revoked 0')
})

t.test('lists for users, for CAs and for distribution points', async t => {
  const scoped = (issuer: Issued, fields: Buffer[], ...revoked: Issued[]) =>
    listOf({ issuer, extensions: [issuingDistributionPoint(...fields)], revoked: revoked.map(certificate => ({ certificate })) })
  t.equal(found([scoped(root, [flag(2)]), scoped(intermediate, [flag(1)])]), 'good')
  t.equal(found([scoped(root, [flag(1)]), scoped(intermediate, [flag(1)])]), 'no-list 1')
  t.equal(found([list(root), scoped(intermediate, [flag(2)])]), 'no-list 0')
  t.equal(found([list(root), scoped(intermediate, [flag(1)]), list(intermediate, client)]), 'revoked 0', 'scopes do not replace each other')
  t.equal(found([list(root), scoped(intermediate, [flag(1)], client), list(intermediate)]), 'revoked 0')
  t.equal(found([list(root), scoped(intermediate, [fullName('http://a.example/1.crl')])]), 'no-list 0', 'the certificate names no point')
})

t.test('distribution points of a certificate', async t => {
  const url = (text: string) => encodeDer(0x86, Buffer.from(text)).toString('hex')
  const points = (...list: Buffer[]) => [...readDistributionPoints(seq(...list))]
  t.strictSame(points(seq(fullName('a', 'b')), seq(fullName('c'), encodeDer(0x81, Buffer.from([0, 1])))), ['a', 'b', 'c'].map(url))
  t.strictSame(points(seq(relativeName()), seq()), [])
  t.strictSame(points(seq(fullName('a'), context(2, none)), seq(context(2, none))), [], 'lists of others')
})

t.test('a certificate belongs to the list of its distribution point', async t => {
  const withPoint = (value: Buffer) => changed(client, value)
  const issued = withPoint(seq(seq(fullName('http://a.example/1.crl'))))
  const scoped = (url: string) => listOf({ issuer: intermediate, extensions: [issuingDistributionPoint(fullName('http://x.example', url))] })
  const judge = (leaf: Issued, ...lists: RevocationList[]) => found([list(root), ...lists], { leaf })
  t.equal(judge(issued, scoped('http://a.example/1.crl')), 'good')
  t.equal(judge(issued, scoped('http://a.example/2.crl')), 'no-list 0')
  t.equal(judge(withPoint(none), list(intermediate)), 'unreadable-certificate 0')
})

/** The client's certificate with distribution points instead of its extended key usage. Its signature is not looked at here. */
function changed (issued: Issued, points: Buffer): Issued {
  const usage = seq(oid('2.5.29.37'), octets(seq(oid('1.3.6.1.5.5.7.3.2'))))
  const [body, ...rest] = childrenOf(issued.der)
  const fields = childrenOf(body!)
  const extensions = childrenOf(childrenOf(fields.at(-1)!)[0]!).map(one => one.equals(usage) ? seq(oid('2.5.29.31'), octets(points)) : one)
  const der = seq(seq(...fields.slice(0, -1), context(3, seq(...extensions))), ...rest)
  return { ...issued, der, certificate: parseCertificate(der) }
}

function childrenOf (der: Buffer): Buffer[] {
  return readElements(readElements(der)[0]!.content).map(({ encoded }) => Buffer.from(encoded))
}

t.test('the policy says what happens to certificates of unknown status', async t => {
  const revoked = [list(root), list(intermediate, client)]
  const unknown = [list(root)]
  t.equal(holder('off', ...revoked).lists.judge(path(client, [root])), null)
  t.match(holder('soft', ...revoked).lists.judge(path(client, [root])), {
    status: 'revoked',
    depth: 0,
    subject: 'CN=user, OU=Test, O=Example, C=DE',
    issuer: 'CN=Issuing CA, O=Example, C=DE',
    serialNumber: client.certificate.serialNumber,
    reason: 'keyCompromise',
    date: Date
  })
  t.match(holder('hard', ...unknown).lists.judge(path(client, [root])), { status: 'unknown', why: 'no-list', depth: 0 })
  const soft = holder('soft', ...unknown)
  for (const leaf of [client, server, client]) t.equal(soft.lists.judge(path(leaf, [root])), null)
  t.match(soft.unknown, [{ status: 'unknown', why: 'no-list', issuer: 'CN=Issuing CA, O=Example, C=DE' }], 'said once for each issuer')
  t.equal(soft.unknown.length, 1)
  t.equal(holder('soft', list(root), list(intermediate)).lists.judge(path(client, [root])), null)
})

t.test('lists are replaced at run time', async t => {
  const { lists, unknown } = holder('soft')
  t.equal(lists.judge(path(client, [root])), null)
  lists.replace([list(root), list(intermediate, client)])
  t.match(lists.judge(path(client, [root])), { status: 'revoked' })
  lists.replace([])
  t.equal(lists.judge(path(client, [root])), null)
  t.equal(unknown.length, 2, 'said again')
})

t.test('a summary of each list', async t => {
  const namesake = await pki.issue({ subject: 'CN=Root CA, O=Example, C=DE', issuer: null, ca: true })
  const rows: Array<[RevocationList, string | null]> = [
    [list(root, intermediate), null],
    [list(intermediate), 'its issuer is not known yet, so its signature was not checked'],
    [list(namesake), 'none of the issuers of this name has signed it, or may sign lists'],
    [listOf({ issuer: root, nextUpdate: null, number: null }), 'it does not say when the next one is due, so it counts as old'],
    [listOf({ issuer: root, thisUpdate: from(-3), nextUpdate: from(-2) }), 'the next one is due'],
    [listOf({ issuer: root, thisUpdate: from(2), nextUpdate: from(3) }), 'it is not valid yet'],
    [listOf({ issuer: root, extensions: [issuingDistributionPoint(flag(4))] }), 'it is an indirect list']
  ]
  for (const [one, problem] of rows) {
    t.match(holder('soft', one).lists.summaries([root.certificate]), [{ file: 'test.crl', issuer: one.issuer, problem, revoked: one.entries.size }])
  }
  t.match(holder('off', rows[0]![0]).lists.summaries([]), [{ number: '1', thisUpdate: Date, nextUpdate: Date }])
  t.match(holder('off', rows[3]![0]).lists.summaries([]), [{ number: null, nextUpdate: null }])
})
