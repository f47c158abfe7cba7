import fc from 'fast-check'
import t from 'tap'
import { normalizeServerName, ServerNames } from '../../src/tls/server-name.ts'
import { mintPki } from '../helpers/pki.ts'

t.test('names are compared in lower case, without a final dot; what is no DNS name is none', async t => {
  const rows: Array<[string, string | null]> = [
    ['A.Example', 'a.example'],
    ['a.example.', 'a.example'],
    ['sap_gw.example', 'sap_gw.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['localhost', 'localhost'],
    ['', null],
    ['.', null],
    ['.example', null],
    ['a..example', null],
    ['a.example..', null],
    ['*.example', null],
    ['-a.example', null],
    ['a b', null],
    ['bücher.example', null],
    ['127.0.0.1', null],
    ['[::1]', null],
    ['::1', null],
    ['a'.repeat(64) + '.example', null],
    [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
    [`${'a.'.repeat(127)}a`, null]
  ]
  for (const [text, name] of rows) t.equal(normalizeServerName(text), name, JSON.stringify(text))
})

t.test('chooses the certificate for a name (RFC 9525): exact names before wildcards, the first of several, else the default', async t => {
  const pki = await mintPki(t)
  const certificate = async (serverNames: string[] | undefined, subject = 'CN=ignored.example') =>
    (await pki.issue({ subject, issuer: pki.root, usage: 'server', ...(serverNames !== undefined && { serverNames }) })).der
  const names = new ServerNames([
    await certificate(['default.example', '*.both.example']),
    await certificate(['a.example', 'A2.Example', 'x.both.example', '10.0.0.1']),
    await certificate(['*.wild.example', 'a.example']),
    await certificate(undefined, 'CN=cn.example, O=Example'),
    await certificate(['f*.partial.example'])
  ])
  const rows: Array<[string | null, number, string]> = [
    [null, 0, 'no name'],
    ['default.example', 0, 'the default by its name'],
    ['unknown.example', 0, 'a name of nobody'],
    ['a.example', 1, 'the first of two'],
    ['a2.example', 1, 'case does not matter'],
    ['x.both.example', 1, 'exact before wildcard'],
    ['y.both.example', 0, 'wildcard'],
    ['n.wild.example', 2, 'wildcard'],
    ['n.m.wild.example', 0, 'a wildcard stands for one label'],
    ['wild.example', 0, 'a wildcard stands for one label, not for none'],
    ['cn.example', 3, 'the common name where there is no alternative name'],
    ['ignored.example', 0, 'the common name does not count beside alternative names'],
    ['foo.partial.example', 0, 'no wildcard inside a label']
  ]
  for (const [name, index, title] of rows) t.equal(names.indexOf(name), index, title)
})

t.test('one certificate is for every name', async t => {
  const { server } = await mintPki(t)
  t.equal(new ServerNames([server.der]).indexOf('other.example'), 0)
})

t.test('any text is a name or none, and a name stays what it is', async t => {
  const { server, client } = await mintPki(t)
  const names = new ServerNames([server.der, client.der])
  fc.assert(fc.property(fc.oneof(fc.string(), fc.domain(), fc.string({ unit: fc.constantFrom('a', '.', '-', '*', '1', 'A') })), text => {
    const name = normalizeServerName(text)
    return (name === null || normalizeServerName(name) === name) && [0, 1].includes(names.indexOf(name))
  }))
})
