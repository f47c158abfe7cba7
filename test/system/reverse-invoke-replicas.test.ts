/** Two gateways in the DMZ behind one address, with HAProxy before them that asks their admin ports how they are. */
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { runLoad, startLoad } from '../helpers/load/load.ts'
import { outcomes } from '../helpers/load/report.ts'
import { networkOf, noNamespaces, type Network } from '../helpers/network.ts'
import { runProgram, runToEnd } from '../helpers/processes.ts'
import { REGISTRATION_PORT, zonesOf, type Zones } from '../helpers/reverse-invoke-zones.ts'

t.setTimeout(180_000)

const skip = noNamespaces() || (spawnSync('haproxy', ['-v']).status === 0 ? false : 'haproxy is not installed')
const replicas = ['dmz-1', 'dmz-2'] as const

async function buildBalanced (t: Test): Promise<Zones> {
  const network = await networkOf(t, {
    links: { outside: ['client', 'balancer'], middle: ['balancer', ...replicas], inside: ['balancer', 'inner'] },
    firewall: { inner: [] },
    hosts: { 'www.example.com': 'balancer', 'registration.example.com': 'balancer' }
  })
  return await zonesOf(t, network, 'http')
}

/** A balancer of TCP connections that sends none to who is not ready, and leaves those alone that are there. */
async function startBalancer (t: Test, network: Network, { pki }: Zones): Promise<void> {
  const backend = (name: string, port: number): string => `
listen ${name}
  bind :${port}
  balance roundrobin
  option httpchk GET /ready
${replicas.map(member => `  server ${member} ${network.address(member)}:${port} check port 9400 inter 100ms fall 1 rise 1\n`).join('')}`
  const file = pki.file('haproxy.cfg', `
defaults
  mode tcp
  timeout connect 2s
  timeout client 300s
  timeout server 300s
  timeout check 5s
  option redispatch
${backend('service', 443)}${backend('registration', REGISTRATION_PORT)}`)
  const program = runProgram(t, 'haproxy', ['-db', '-V', '-f', file], { within: network.within('balancer') })
  const isOpen = async (): Promise<boolean> => (await runToEnd('curl', ['-sS', '-o', '/dev/null', `http://127.0.0.1:${REGISTRATION_PORT}/`], { within: network.within('balancer') })).code !== 7
  while (!await isOpen()) {
    if (program.child.exitCode !== null) throw new Error(`haproxy ended:\n${program.lines.join('\n')}`)
  }
}

t.test('two replicas behind one address: the inner gateway registers with both, and one leaves in order under load', { skip }, async t => {
  const zones = await buildBalanced(t)
  const { network, user, client } = zones
  const start = async (member: string) => await zones.startDmz({
    member, lines: `postern/ri/replica = ${member}\npostern/ri/replicas = 2\npostern/drain_delay = 2\npostern/admin_port = PORT=9400, HOST=0.0.0.0\n`
  })
  const [leaving] = await Promise.all([start('dmz-1'), start('dmz-2')])
  await startBalancer(t, network, zones)
  const inner = await zones.startInner()
  for (const member of replicas) await inner.line(line => line.includes('registered with the acceptor') && line.includes(`"replica":"${member}"`))

  // clients that keep their connections, and clients that make a new one for each request
  const kept = startLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 8 }, client)
  const uploads = startLoad(t, { ...user, kind: 'post', bytes: 2000, concurrency: 4 }, client)
  const fresh = startLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, keepAlive: false }, client)
  await Promise.all([kept.running(), uploads.running(), fresh.running()])
  t.equal((await leaving.stop('SIGTERM')).code, 0)
  await inner.line(line => line.includes('registration ended') || line.includes('registration lost'))
  await runLoad(t, { ...user, kind: 'get', bytes: 600, concurrency: 4, requests: 200 }, client)
  const reports = await Promise.all([kept.stop(), uploads.stop(), fresh.stop()])
  for (const report of reports) t.same(Object.keys(outcomes(report)), ['ok'])
  t.comment(reports.map(outcomes))

  await start('dmz-1')
  let seen = 0
  await inner.line(line => line.includes('registered with the acceptor') && line.includes('"replica":"dmz-1"') && ++seen === 2)
  t.pass('it comes back under the same name, and is found')
  t.match(await network.syns('inner'), { accepted: 0, dropped: 0 })
})
