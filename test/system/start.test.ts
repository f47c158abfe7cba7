import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { bundle } from '../helpers/landscape.ts'
import { freePort } from '../helpers/nginx.ts'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

t.test('a problem at start ends the process with 1 before anything listens, one message per fault, never a stack trace', async t => {
  const pki = await mintPki(t)
  const server = pki.file('server.pem', bundle(pki.server))
  const mismatch = pki.file('mismatch.pem', pki.gateway.keyPem + pki.server.chainPem)
  const occupied = createServer().listen(0, '127.0.0.1')
  await once(occupied, 'listening')
  t.teardown(() => { occupied.close() })
  const occupiedPort = (occupied.address() as AddressInfo).port
  const free = await freePort()
  const profile = (lines: string): string => `SAPSYSTEM = 00
icm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=${free}
wdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:9, SRCSRV=*:*
${lines}
`
  const cases: Array<{ what: string, lines: string, expected: RegExp[] }> = [
    { what: 'an occupied port', lines: `icm/server_port_1 = PROT=HTTP, HOST=127.0.0.1, PORT=${occupiedPort}`, expected: [/case\.pfl:4.*icm\/server_port_1.*in use/] },
    { what: 'a PSE that is missing', lines: `icm/server_port_1 = PROT=HTTPS, HOST=127.0.0.1, PORT=0\nssl/server_pse = ${pki.file('x', '')}-missing.pse`, expected: [/case\.pfl:5.*ssl\/server_pse.*missing\.pse/] },
    { what: 'a key of another certificate', lines: `icm/server_port_1 = PROT=HTTPS, HOST=127.0.0.1, PORT=0\nssl/server_pse = ${mismatch}`, expected: [/case\.pfl:5.*mismatch\.pem/] },
    { what: 'a known parameter with a wrong value', lines: `ssl/server_pse = ${server}\nicm/HTTPS/verify_client = 3`, expected: [/case\.pfl:5.*icm\/HTTPS\/verify_client.*3.*expected/s] },
    { what: 'two faults', lines: 'icm/HTTPS/verify_client = 3\nicm/keep_alive_timeout = soon', expected: [/case\.pfl:4/, /case\.pfl:5/] },
    { what: 'a restriction that is not served', lines: 'wdisp/permission_table = ptab', expected: [/case\.pfl:4.*wdisp\/permission_table/] }
  ]
  for (const { what, lines, expected } of cases) {
    await t.test(what, async t => {
      const { code, stdout, stderr } = await runToEnd(process.execPath, [cli, `pf=${pki.file('case.pfl', profile(lines))}`])
      t.equal(code, 1)
      for (const pattern of expected) t.match(stderr, pattern)
      t.notMatch(stderr, /^\s+at /m, 'no stack trace')
      t.notMatch(stdout, /listening/, 'nothing listened')
    })
  }
})

t.test('unknown arguments and a missing profile end with 1 and the usage', async t => {
  for (const args of [[], ['-nonsense'], ['-t', '9', 'pf=x']]) {
    const { code, stderr } = await runToEnd(process.execPath, [cli, ...args])
    t.equal(code, 1)
    t.match(stderr, /usage: postern pf=<profile>/)
  }
})

t.test('-version prints one key = value per line', async t => {
  const { code, stdout } = await runToEnd(process.execPath, [cli, '-version'])
  t.equal(code, 0)
  for (const line of stdout.trimEnd().split('\n')) t.match(line, /^[a-z ]+ = \S/)
})
