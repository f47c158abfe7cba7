/** Who comes to the registration port without any right to: refused by a code of its own, and nobody else notices. */
import t, { type Test } from 'tap'
import type { GatewayProcess } from '../helpers/gateway-process.ts'
import { bundle } from '../helpers/landscape.ts'
import { startLoad } from '../helpers/load/load.ts'
import { failures } from '../helpers/load/report.ts'
import { noNamespaces } from '../helpers/network.ts'
import { mintPki, type Issued } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'
import { buildZones, registered, REGISTRATION_PORT, type Zones } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(120_000)

const skip = noNamespaces()

/** An inner gateway with another certificate. */
async function startStranger (zones: Zones, identity: Issued): Promise<GatewayProcess> {
  const pse = zones.pki.file('stranger.pem', bundle(identity))
  return await zones.startInner({
    member: 'stranger',
    lines: `postern/trust_7 = PSE=${pse}, CERTS=${zones.ca}\npostern/ri/client_0 = HOST=registration.example.com, PORT=${REGISTRATION_PORT}, ENDPOINTS=app.inner:4300, PSE=${pse}\n`
  })
}

async function refusedFor (gateway: GatewayProcess): Promise<Record<string, unknown>> {
  return JSON.parse(await gateway.line(line => line.includes('no registration with the acceptor'))) as Record<string, unknown>
}

t.test('strangers at the registration port', { skip }, async t => {
  const zones = await buildZones(t, { inner: ['inner', 'stranger'] })
  const { network, user, client, pki } = zones
  const dmz = await zones.startDmz()
  const inner = await zones.startInner()
  await registered(inner)
  const load = startLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 2, pauseMs: 5 }, client)
  await load.running()
  const within = { within: network.within('stranger') }
  const refusal = async (code: string): Promise<string> => await dmz.line(line => line.includes(code))

  await t.test('a certificate that may not register this endpoint', async t => {
    const stranger = await startStranger(zones, await pki.issue({ subject: 'CN=other, O=Example, C=DE', issuer: pki.intermediate, usage: 'client' }))
    t.match(await refusedFor(stranger), { step: /registration|endpoint/ })
    t.match(JSON.parse(await refusal('POSTERN_ERR_REVERSE_INVOKE_ENDPOINT')), { msg: 'registration refused' })
    await stranger.stop()
  })

  await t.test('a certificate of a CA that is not trusted, with the right names', async t => {
    const others = await mintPki(t)
    const stranger = await startStranger(zones, await others.issue({ subject: 'CN=wd-inner, O=Example, C=DE', issuer: others.intermediate, usage: 'client' }))
    t.match(await refusedFor(stranger), { reason: /certificate|denied|closed/ })
    await stranger.stop()
  })

  await t.test('no certificate', async t => {
    const { stdout, stderr } = await runToEnd('curl', ['-sS', '--max-time', '5', '--cacert', zones.ca, '-w', '%{http_code}', `https://registration.example.com:${REGISTRATION_PORT}/`], within)
    t.match(stdout, /^(?:000|403)/, stderr)
  })

  await t.test('what is no TLS at all', async t => {
    await talk(t, within.within, 'head -c 200000 /dev/urandom >&3')
    await talk(t, within.within, 'printf "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" >&3')
    await talk(t, within.within, 'yes >&3')
    const { code } = await runToEnd('curl', ['-sS', '--max-time', '5', `http://registration.example.com:${REGISTRATION_PORT}/`], within)
    t.not(code, 0)
  })

  const report = await load.stop()
  t.same(failures(report), [], 'the others were served meanwhile')
  t.ok(report.exchanges.length > 100)
  t.equal(inner.records().filter(({ msg }) => msg === 'registered with the acceptor').length, 1, 'by the same registration')
  t.same((await zones.health('dmz')).reverseInvoke.registrations?.map(({ state }) => state), ['serving'])
})

/** Sends bytes, and waits until the other side has closed the connection. */
async function talk (t: Test, within: readonly string[] | undefined, send: string): Promise<void> {
  const { code } = await runToEnd('timeout', ['10', 'bash', '-c', `exec 3<>/dev/tcp/registration.example.com/${REGISTRATION_PORT}; (${send}) 2>/dev/null; cat <&3 >/dev/null 2>&1; true`], within === undefined ? {} : { within })
  t.equal(code, 0, 'the connection was closed')
}
