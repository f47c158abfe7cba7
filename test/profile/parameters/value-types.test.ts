import t from 'tap'
import fc from 'fast-check'
import type { ValueType } from '../../../src/profile/parameters/schema.ts'
import * as types from '../../../src/profile/parameters/value-types.ts'

const refused = Symbol('refused')

t.test('values are read, or refused', async t => {
  const rows: Array<[type: ValueType<unknown>, text: string, value: unknown]> = [
    [types.text, '', ''], [types.word, 'a', 'a'], [types.word, '', refused], [types.file, 'a.pse', 'a.pse'],
    [types.flag, 'TRUE', true], [types.flag, '1', true], [types.flag, 'true', true], [types.flag, 'FALSE', false], [types.flag, '0', false], [types.flag, 'yes', refused], [types.flag, '', refused],
    [types.host, 'a-b.example', 'a-b.example'], [types.host, '[::1]', '::1'], [types.host, 'fe80::1%eth0', 'fe80::1%eth0'], [types.host, '::ffff:1.2.3.4', '::ffff:1.2.3.4'], [types.host, 'a b', refused], [types.host, 'a/b', refused], [types.host, '', refused],
    [types.portOrService, '0', 0], [types.portOrService, '65535', 65535], [types.portOrService, '65536', refused], [types.portOrService, 'https', 'https'], [types.portOrService, '-1', refused], [types.portOrService, '443$$', refused],
    [types.fieldName, 'SSL_CLIENT_CERT', 'SSL_CLIENT_CERT'], [types.fieldName, 'a b', refused], [types.fieldName, 'a:', refused],
    [types.urlPrefix, '/a?b', '/a?b'], [types.urlPrefix, 'a', refused],
    [types.pathPrefix, '/sap/', '/sap/'], [types.pathPrefix, '/a?b', refused], [types.pathPrefix, '/\ud800', refused],
    [types.hostPattern, '*:443', '*:443'], [types.hostPattern, 'a b:1', refused],
    [types.urlHost, 'a.example', 'a.example'], [types.urlHost, '[::1]', '[::1]'], [types.urlHost, '::1', refused], [types.urlHost, 'a:1', refused],
    [types.targetPort, '0', refused], [types.targetPort, '', refused], [types.targetPort, '1', 1], [types.targetPort, 'https', 'https'],
    [types.addressMask, '255.255.240.0', '255.255.240.0'], [types.addressMask, '255.255', refused],
    [types.integer({ min: 1, max: 5 }), '5', 5], [types.integer({ min: 1, max: 5 }), '6', refused], [types.integer({ min: 1, max: 5 }), '0', refused], [types.integer({ min: 1, max: 5 }), '1.5', refused],
    [types.integer({ min: 1, max: 5 }), ' 1', refused], [types.integer({ min: 1, max: 5 }), '0x1', refused], [types.integer({ min: 10, max: 20, also: [-1] }), '-1', -1],
    [types.choice('HTTP', 'HTTPS'), 'https', 'HTTPS'], [types.choice('HTTP'), 'FTP', refused],
    [types.meanings({ A: 1, B: 2 }), 'b', 2], [types.meanings({ A: 1 }), 'toString', refused],
    [types.list(types.word), 'a; b;', ['a', 'b']], [types.list(types.word), ';', refused], [types.list(types.flag), '1;x', refused]
  ]
  for (const [type, text, value] of rows) t.strictSame(type.read(text), value === refused ? null : { value }, `${type.form}: "${text}"`)
})

t.test('servers are URLs without path', async t => {
  const read = (text: string) => types.serverUrl.read(text)?.value.origin ?? null
  t.equal(read('https://a.example:44300/'), 'https://a.example:44300')
  t.equal(read('http://[::1]:8000'), 'http://[::1]:8000')
  for (const text of ['ftp://a', 'https://a/b', 'https://a:99999', 'https://a:0', 'https://1.2.3.999', 'https://u@a', 'https://', 'a:443']) t.equal(read(text), null, text)
})

t.test('no text makes a type throw', async t => {
  const all = [types.text, types.word, types.flag, types.host, types.portOrService, types.fieldName, types.urlPrefix, types.pathPrefix, types.hostPattern, types.addressMask, types.serverUrl, types.integer({ min: 0, max: 9 }), types.list(types.serverUrl)]
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...all), (text, type) => {
    const read = type.read(text)
    return read === null || 'value' in read
  }))
})
