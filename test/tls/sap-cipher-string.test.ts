import t from 'tap'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createSecureContext, createServer } from 'node:tls'
import fc from 'fast-check'
import { readCipherString, type CipherSettings } from '../../src/tls/sap-cipher-string.ts'
import { mintPki } from '../helpers/pki.ts'

const tls13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'
const never = '!aNULL:!eNULL:!PSK:!SRP'

t.test('strings seen in real profiles are read', async t => {
  // sums: SAP Note 510007 as quoted in the specification's sources
  const rows = [
    { text: '135:PFS:HIGH::EC_X25519:EC_P256:EC_HIGH', min: 'TLSv1', max: 'TLSv1.3', ciphers: `${tls13}:ECDHE:DHE:HIGH:${never}:@SECLEVEL=0`, groups: 'X25519:P-256:P-384:P-521' },
    { text: '150:PFS:HIGH::EC_P256:EC_HIGH', min: 'TLSv1', max: 'TLSv1.3', ciphers: `${tls13}:ECDHE:DHE:HIGH:${never}:@SECLEVEL=0`, groups: 'P-256:X25519:P-384:P-521' },
    { text: '545:PFS:HIGH', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `ECDHE:DHE:HIGH:${never}`, groups: null },
    { text: '560:PFS:HIGH', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `ECDHE:DHE:HIGH:${never}`, groups: null },
    { text: '801:PFS:HIGH', min: 'TLSv1.1', max: 'TLSv1.2', ciphers: `ECDHE:DHE:HIGH:${never}:@SECLEVEL=0`, groups: null },
    { text: '918:PFS:HIGH::EC_P256:EC_HIGH', min: 'TLSv1', max: 'TLSv1.3', ciphers: `${tls13}:ECDHE:DHE:HIGH:${never}:@SECLEVEL=0`, groups: 'P-256:X25519:P-384:P-521' },
    { text: 'HIGH:MEDIUM:+e3DES:!aNULL', min: 'TLSv1.2', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:MEDIUM:+3DES:!aNULL:${never}`, groups: null },
    { text: '2592', min: 'TLSv1.2', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}`, groups: null },
    { text: '2080:HIGH', min: 'TLSv1.3', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}`, groups: null },
    { text: '66:HIGH', min: 'TLSv1', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}:@SECLEVEL=0`, groups: null, left: ['64'] },
    { text: '::EC_P384', min: 'TLSv1.2', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}`, groups: 'P-384' },
    { text: '512:HIGH:-kRSA:!RC4:!LOW', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `HIGH:-kRSA:${never}`, groups: null },
    { text: '512:HIGH:aNULL:RC4:EXPORT:Unheard:+Unheard', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `HIGH:${never}`, groups: null, left: ['aNULL', 'RC4', 'EXPORT', 'Unheard', '+Unheard'] },
    { text: '512:HIGH::EC_P256:EC_BRAINPOOL', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `HIGH:${never}`, groups: 'P-256', left: ['EC_BRAINPOOL'] },
    { text: '8712:HIGH', min: 'TLSv1.2', max: 'TLSv1.2', ciphers: `HIGH:${never}`, groups: null, left: ['8200'] },
    { text: '2304:HIGH', min: 'TLSv1.1', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}:@SECLEVEL=0`, groups: null, left: ['2304'] },
    { text: '2308:HIGH', min: 'TLSv1.1', max: 'TLSv1.3', ciphers: `${tls13}:HIGH:${never}:@SECLEVEL=0`, groups: null }
  ]
  for (const { text, min, max, ciphers, groups, left = [] } of rows) {
    const { settings, unmapped, faults } = readCipherString(text)
    t.strictSame(faults, [], text)
    t.strictSame(settings, { ciphers, groups, minVersion: min, maxVersion: max }, text)
    t.strictSame(unmapped.map(({ part }) => part), left, text)
    createSecureContext({ ciphers, minVersion: settings?.minVersion, maxVersion: settings?.maxVersion, ...groups !== null && { ecdhCurve: groups } })
  }
})

t.test('the versions that a string asks for are really spoken, and no others', async t => {
  const { server: { keyPem, chainPem } } = await mintPki(t)
  for (const [text, spoken] of [['135:PFS:HIGH', ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']], ['801:HIGH', ['TLSv1.1', 'TLSv1.2']], ['545:HIGH', ['TLSv1.2']], ['2080:HIGH', ['TLSv1.3']]] as const) {
    const { ciphers, minVersion, maxVersion } = readCipherString(text).settings as CipherSettings
    const server = createServer({ key: keyPem, cert: chainPem, ciphers, minVersion, maxVersion }).on('tlsClientError', () => {}).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const seen: string[] = []
    for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const) {
      const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version, ciphers: 'ALL:TLS_AES_128_GCM_SHA256:@SECLEVEL=0' })
      await once(client, 'secureConnect').then(() => seen.push(version), () => {})
      client.destroy()
    }
    t.strictSame(seen, spoken, text)
  }
})

t.test('what would allow more than the string is a fault', async t => {
  for (const [text, fault] of [
    ['512:HIGH:!Unheard', /"!Unheard" excludes something that is not known/], ['512:HIGH:-Unheard', /excludes/], ['512:LOW', /no class of cipher suites is left/],
    ['512:!MD5', /no class/], ['512:HIGH::EC_UNHEARD', /no curve is left/], ['128:HIGH', /ends with TLSv1;/], ['384:HIGH', /ends with TLSv1.1;/]
  ] as const) {
    const { settings, faults } = readCipherString(text)
    t.equal(settings, null, text)
    t.match(faults, [fault], text)
  }
})

t.test('no text throws, and suites without authentication or encryption are always excluded', async t => {
  const part = fc.oneof(fc.constantFrom('PFS', 'HIGH', 'MEDIUM', '!MD5', '+e3DES', 'aNULL', 'eNULL', ':', 'EC_P256', '-SHA1'), fc.integer({ min: 0, max: 5000 }).map(String), fc.string())
  fc.assert(fc.property(fc.array(part, { maxLength: 6 }).map(parts => parts.join(':')), text => {
    const { settings, faults } = readCipherString(text)
    return settings === null ? faults.length > 0 : settings.ciphers.includes(never) && !/(?:^|:)[ae]NULL/.test(settings.ciphers)
  }))
})
