/** Forged SSL header fields against a running gateway: what counts is the bytes that arrive at a back end. */
import type { ConnectionOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway, type GatewayProcess } from '../helpers/gateway-process.ts'
import { mintPki, type Issued, type NameInput, type Pki } from '../helpers/pki.ts'
import { buildRawBackend, fieldLines } from '../helpers/raw-backend.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

/** In the value of every forged field. */
const mark = 'Rk9SR0VE'

/** Spellings that HTTP allows. */
const spellings = [
  'SSL_CLIENT_CERT', 'ssl_client_cert', 'Ssl-Client-Cert', 'SSL.CLIENT.CERT', 'SSLCLIENTCERT', 'SSL__CLIENT__CERT', 'SSL!CLIENT!CERT', '_SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_',
  'HTTP_SSL_CLIENT_CERT', 'HTTP-SSL-CLIENT-CERT', 'HTTP_HTTP_SSL_CLIENT_CERT', 'SSL_CLIENT_CERT_CHAIN_0', 'SSL_CLIENT_CERT_CHAIN_-1', 'SSL_CLIENT_CERT_CHAIN_00001',
  `SSL_CLIENT_CERT_CHAIN_${'9'.repeat(30)}`, 'SSL_CLIENT_CERT_CHAIN', 'SSL_CLIENT_CERT_CHAIN1', 'ssl-client-cert-chain-1', 'SSL_CIPHER_SUITE', 'SSL-CIPHER-SUITE', 'SSL_CIPHER_USEKEYSIZE',
  'client-cert', 'CLIENT_CERT_CHAIN', 'X-Forwarded-Client-Cert', 'clientprotocol', 'CLIENT_PROTOCOL', 'x-sap-webdisp-ap', 'X_SAP_WEBDISP_AP'
]
const forged = spellings.map(name => `${name}: ${mark}\r\n`).join('')

/** Lines that HTTP does not allow: other letters that fold to the same, characters that a reader might drop, bent line ends. */
const malformed = [
  '\xc5\xbfSL_CLIENT_CERT', 'SSL_CLIENT_CERT\xe2\x84\xaa', 'SSL_CLIENT_CERT ', 'SSL_CLIENT_CERT\t', ' SSL_CLIENT_CERT', '\tSSL_CLIENT_CERT', 'SSL_CLIENT_CERT\0', '\0SSL_CLIENT_CERT',
  'SSL_CLIENT\0_CERT', 'SSL_CLIENT_CERT\x0b', 'SSL_CLIENT_CERT\xa0', 'SSL_CLIENT_CERT\xad', 'SSL_CLIENT_CERT\r', 'SSL_CLIENT_CERT\x7f', '"SSL_CLIENT_CERT"', '(SSL_CLIENT_CERT)', 'SSL_CLIENT_CERT;a',
  'X: a\r\n SSL_CLIENT_CERT', 'X:\r\n\tSSL_CLIENT_CERT', 'X: a\rSSL_CLIENT_CERT', 'X: a\nSSL_CLIENT_CERT', 'X: a\r\r\nSSL_CLIENT_CERT'
]

const host = 'Host: h\r\n'
const last = `GET /last HTTP/1.1\r\n${host}Connection: close\r\n\r\n`

/** Ways for fields to come, and the answers. Each ends with the connection. */
const ways: Array<[way: string, request: (fields: string) => string, statuses: number[]]> = [
  ['a request', fields => `GET / HTTP/1.1\r\n${host}${fields}\r\n${last}`, [200, 200]],
  ['before Host', fields => `GET / HTTP/1.1\r\n${fields}${host}\r\n${last}`, [200, 200]],
  ['an absolute target', fields => `GET http://h/ HTTP/1.1\r\n${host}${fields}\r\n${last}`, [200, 200]],
  ['HTTP/1.0', fields => `GET / HTTP/1.0\r\n${host}${fields}\r\n`, [200]],
  ['HEAD', fields => `HEAD / HTTP/1.1\r\n${host}${fields}\r\n${last}`, [200, 200]],
  ['between clean requests', fields => `GET / HTTP/1.1\r\n${host}\r\nGET / HTTP/1.1\r\n${host}${fields}\r\n${last}`, [200, 200, 200]],
  ['named by Connection', fields => `GET / HTTP/1.1\r\n${host}Connection:\r\nConnection: SSL_CLIENT_CERT, close\r\n${fields}\r\n`, [200]],
  ['Expect', fields => `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 2\r\n${fields}\r\nab${last}`, [100, 200, 200]],
  ['another expectation', fields => `POST / HTTP/1.1\r\n${host}Expect: x\r\nContent-Length: 2\r\n${fields}\r\nab`, [417]],
  ['trailers', fields => `POST / HTTP/1.1\r\n${host}Connection: close\r\nTrailer: SSL_CLIENT_CERT\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n${fields}\r\n`, [200]],
  ['an upgrade', fields => `GET /upgrade HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n`, [101]],
  ['a refused upgrade', fields => `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n`, [200]],
  ['behind an upgrade that the back end refused', fields => `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n${host}${fields}\r\n`, [200]],
  ['behind an upgrade that the gateway refused', fields => `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\n${host}${fields}\r\n`, [501]],
  ['behind a refused request', fields => `GET / HTTP/1.1\r\n${host}${host}\r\nGET / HTTP/1.1\r\n${host}${fields}\r\n${last}`, [400, 200, 200]],
  ['CONNECT', fields => `CONNECT h:1 HTTP/1.1\r\n${host}${fields}\r\nGET / HTTP/1.1\r\n${host}${fields}\r\n`, [405]],
  ['OPTIONS *', fields => `OPTIONS * HTTP/1.1\r\n${host}${fields}\r\n${last}`, [200, 200]],
  ['an external proxy', fields => `GET /aux/x HTTP/1.1\r\n${host}Connection: close\r\n${fields}\r\n`, [200]],
  ['an external proxy, named by Connection', fields => `GET /aux/x HTTP/1.1\r\n${host}Connection: ssl_client_cert, ssl_cipher_usekeysize, close\r\n${fields}\r\n`, [200]],
  ['an upgrade for an external proxy', fields => `GET /aux/x HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n`, [200]]
]

interface Range {
  readonly gateway: GatewayProcess
  readonly pki: Pki
  /** All bytes that came to the back end since it was asked last. */
  taken (): string
  /** Sends bytes to a port, with a certificate or without, and returns the status of each answer. */
  send (parameter: string, text: string, who?: Issued): Promise<number[]>
}

async function buildRange (t: Test): Promise<Range> {
  const pki = await mintPki(t)
  let bytes = ''
  const backend = await buildRawBackend(t, {
    onConnection: socket => { socket.on('data', data => { bytes += data.toString('latin1') }) },
    onRequest: ({ socket, head }) => {
      if (head.startsWith('GET /upgrade ')) socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${head.startsWith('HEAD') ? 9 : 0}\r\n\r\n`)
    }
  })
  const server = pki.file('server.pem', pki.server.keyPem + pki.server.chainPem)
  pki.file('aux.json', JSON.stringify({ upstream: `http://127.0.0.1:${backend.port}` }))
  const gateway = await startGateway(t, pki.file('gateway.pfl', `
SAPSYSTEM = 01
icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0
icm/server_port_1 = PROT=HTTPS, HOST=127.0.0.1, PORT=0, VCLIENT=1
icm/HTTPS/forward_ccert_as_header = TRUE
icm/trusted_reverse_proxy_0 = SUBJECT="CN=wd, OU=Gateway, O=Example, C=DE", ISSUER="CN=Issuing CA, O=Example, C=DE"
icm/trusted_reverse_proxy_1 = SUBJECT="*, OU=Gateways, O=Example, C=DE", ISSUER="CN=Issuing CA, O=Example, C=DE"
wdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:${backend.port}, SRCSRV=*:*
ssl/server_pse = ${server}
postern/trust_0 = PSE=${server}, CERTS=${pki.file('root.pem', pki.root.certPem)}
postern/plugin_0 = NAME=@fastify/http-proxy, PREFIX=/aux, OPTIONS=aux.json
`))
  const tlsOf = (parameter: string, who: Issued | undefined): { tls?: ConnectionOptions } => parameter === 'icm/server_port_0'
    ? {}
    : { tls: { ca: pki.root.certPem, servername: 'localhost', ...(who && { key: who.keyPem, cert: who.chainPem }) } }
  return {
    gateway,
    pki,
    taken: () => {
      const taken = bytes
      bytes = ''
      return taken
    },
    send: async (parameter, text, who) => {
      const answer = await rawExchange(t, { port: await gateway.port(parameter), ...tlsOf(parameter, who) }, text)
      return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
    }
  }
}

/** Names of the SSL header fields and their like in what came to the back end, in lower case, each once. */
function managedNames (taken: string): string[] {
  const names = fieldLines(taken).map(line => line.slice(0, line.indexOf(':')).toLowerCase())
  return [...new Set(names.filter(name => /ssl|cert|protocol|webdisp/.test(name)))].sort()
}

const cipherFields = ['ssl_cipher_suite', 'ssl_cipher_usekeysize']
const userFields = [...cipherFields, 'ssl_client_cert', 'ssl_client_cert_chain_1']

t.test('no forged field arrives, in whatever way it comes', async t => {
  const { send, taken, pki, gateway } = await buildRange(t)
  const senders: Array<[sender: string, parameter: string, who: Issued | undefined, own: string[]]> = [
    ['HTTP', 'icm/server_port_0', undefined, []],
    ['HTTPS', 'icm/server_port_1', undefined, cipherFields],
    ['a user', 'icm/server_port_1', pki.client, userFields]
  ]
  const certificate = pki.client.der.toString('base64')
  for (const [sender, parameter, who, own] of senders) {
    for (const [way, request, statuses] of ways) {
      t.strictSame(await send(parameter, request(forged), who), statuses, `${sender}, ${way}`)
      const bytes = taken()
      t.notMatch(bytes, mark, `${sender}, ${way}`)
      const others = managedNames(bytes).filter(name => !own.includes(name))
      t.strictSame(others, [], `${sender}, ${way}: nothing but the gateway's own`)
      t.notOk([...bytes.matchAll(/^ssl_client_cert: *(.*)\r$/gim)].some(([, value]) => value !== certificate), `${sender}, ${way}: a certificate is the sender's`)
    }
    for (const line of malformed) {
      t.strictSame(await send(parameter, `GET / HTTP/1.1\r\n${host}${line}: ${mark}\r\n\r\n`, who), [400], `${sender}, ${JSON.stringify(line)}`)
      t.equal(taken(), '', `${sender}, ${JSON.stringify(line)}`)
    }
  }
  const log = gateway.lines.join('\n')
  t.match(log, 'SSL header fields removed')
  t.notMatch(log, mark, 'no value in the log')
  t.notMatch(log, certificate.slice(0, 40), 'no certificate in the log')
})

t.test('who is believed: names and trust list together, no imitation', async t => {
  const { send, taken, pki } = await buildRange(t)
  const of = (...values: Array<[string, string]>): NameInput => values.map(([type, value]) => [{ type, value }])
  const { intermediate } = pki
  const twinRoot = await pki.issue({ subject: 'CN=Root CA, O=Example, C=DE', issuer: null, ca: true })
  const twin = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: twinRoot, ca: true })
  const userAsCa = await pki.issue({ subject: 'CN=Issuing CA, O=Example, C=DE', issuer: pki.client, ca: true })
  const name = 'CN=wd, OU=Gateway, O=Example, C=DE'
  const dayMs = 86_400_000
  const past = { notBefore: new Date(Date.now() - 2 * dayMs), notAfter: new Date(Date.now() - dayMs) }
  const rows: Array<[title: string, subject: NameInput, issuer: Issued, believed: boolean, more?: Partial<Parameters<Pki['issue']>[0]>]> = [
    ['the gateway', name, intermediate, true],
    ['the same text in another encoding', [[{ type: 'C', value: 'DE' }], [{ type: 'O', value: 'Example' }], [{ type: 'OU', value: 'Gateway' }], [{ type: 'CN', value: 'wd', encoding: 'bmp' }]], intermediate, true],
    ['a wildcard', 'CN=wd7, OU=Gateways, O=Example, C=DE', intermediate, true],
    ['a common name that reads like more', of(['C', 'DE'], ['CN', 'wd, OU=Gateway, O=Example']), intermediate, false],
    ['a common name that reads like the fixed part behind a wildcard', of(['C', 'DE'], ['O', 'Example'], ['CN', 'x, OU=Gateways']), intermediate, false],
    ['one part of two attributes', [[{ type: 'C', value: 'DE' }], [{ type: 'O', value: 'Example' }], [{ type: 'OU', value: 'Gateway' }, { type: 'CN', value: 'wd' }]], intermediate, false],
    ['a zero byte at the end', of(['C', 'DE'], ['O', 'Example'], ['OU', 'Gateway'], ['CN', 'wd\0']), intermediate, false],
    ['a blank at the end', of(['C', 'DE'], ['O', 'Example'], ['OU', 'Gateway'], ['CN', 'wd ']), intermediate, false],
    ['a character without width', of(['C', 'DE'], ['O', 'Example'], ['OU', 'Gateway'], ['CN', 'w\u200bd']), intermediate, false],
    ['another case', 'CN=WD, OU=Gateway, O=Example, C=DE', intermediate, false],
    ['another order', of(['CN', 'wd'], ['OU', 'Gateway'], ['O', 'Example'], ['C', 'DE']), intermediate, false],
    ['another CA with the same names', name, twin, false],
    ['a user as CA', name, userAsCa, false],
    ['expired', name, intermediate, false, past],
    ['a certificate for servers only', name, intermediate, false, { usage: 'server' }]
  ]
  for (const [title, subject, issuer, believed, more] of rows) {
    const who = await pki.issue({ subject, issuer, usage: 'client', ...more })
    await send('icm/server_port_1', `GET / HTTP/1.1\r\n${host}Connection: close\r\nSSL_CLIENT_CERT: ${mark}\r\n\r\n`, who)
    t.strictSame(managedNames(taken()), believed ? ['ssl_client_cert'] : cipherFields, title)
  }
})

t.test('a believed sender: each request of a connection by itself, half sets as they are, no other form', async t => {
  const { send, taken, pki } = await buildRange(t)
  const rows: Array<[fields: string[], arriving: string[]]> = [
    [['SSL_CLIENT_CERT: a'], ['SSL_CLIENT_CERT: a']],
    [['SSL_CLIENT_CERT:'], ['SSL_CLIENT_CERT: ']],
    [['SSL_CLIENT_CERT_CHAIN_1: a'], ['SSL_CLIENT_CERT_CHAIN_1: a']],
    [['SSL_CIPHER_SUITE: C02F', 'Ssl-Client-Cert: x'], ['SSL_CIPHER_SUITE: C02F']],
    [['SSL_CLIENT_CERT: a', 'Client-Cert: :x:', 'X-Forwarded-Client-Cert: x'], ['SSL_CLIENT_CERT: a']],
    [['__proto__: x', 'SSL_CLIENT_CERT: b', 'SSL.CLIENT.CERT: x'], ['SSL_CLIENT_CERT: b']]
  ]
  const requests = rows.flatMap(([fields]) => [fields, []]).map(fields => `GET / HTTP/1.1\r\n${host}${fields.map(line => `${line}\r\n`).join('')}\r\n`)
  t.equal((await send('icm/server_port_1', requests.join('') + last, pki.gateway)).length, requests.length + 1)
  const heads = taken().split('\r\n\r\n').slice(0, -1).map(head => head.split('\r\n').filter(line => /^(ssl|client|x-forw)/i.test(line)))
  for (const [index, [fields, arriving]] of rows.entries()) {
    t.strictSame(heads[2 * index], arriving, fields.join(', '))
    t.match(heads[2 * index + 1], [/^SSL_CIPHER_USEKEYSIZE: \d+$/, /^SSL_CIPHER_SUITE: [0-9A-F]{4}$/], 'a clean request behind it')
  }
  for (const twice of ['SSL_CLIENT_CERT: a\r\nssl_client_cert:', 'SSL_CLIENT_CERT_CHAIN_1: a\r\nSSL_CLIENT_CERT_CHAIN_1: b', 'SSL_CIPHER_SUITE: 1\r\nSSL_CIPHER_SUITE: 1']) {
    t.strictSame(await send('icm/server_port_1', `GET / HTTP/1.1\r\n${host}Connection: close\r\n${twice}\r\n\r\n`, pki.gateway), [400], twice)
    t.equal(taken(), '')
  }
})
