import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { curl } from '../helpers/landscape.ts'
import { runLoad, startBackEnd, startLoad } from '../helpers/load/load.ts'
import type { SeenRequest } from '../helpers/load/back-end.ts'
import { between, failures, outcomes, percentile } from '../helpers/load/report.ts'
import { networkOf, noNamespaces } from '../helpers/network.ts'
import { runProgram, runToEnd } from '../helpers/processes.ts'

const skip = noNamespaces()

t.test('members reach their neighbours by name and nobody else', { skip }, async t => {
  const network = await networkOf(t, { links: { outside: ['client', 'dmz'], inside: ['dmz', 'inner'] }, hosts: { 'www.example.com': 'dmz', both: ['dmz', 'inner'] } })
  const names = async (member: string, name: string) => (await runToEnd('getent', ['ahostsv4', name], { within: network.within(member) })).stdout.split('\n').filter(line => line.includes('STREAM')).map(line => line.split(' ')[0])
  t.same(await names('client', 'www.example.com'), [network.address('dmz', 'client')])
  t.same(await names('inner', 'dmz'), [network.address('dmz', 'inner')])
  t.same((await names('dmz', 'both')).sort(), [network.address('dmz'), network.address('inner', 'dmz')].sort())
  t.same(await names('client', 'inner'), [], 'no name')
  t.throws(() => network.address('inner', 'client'), 'no address')
  const { code, stderr } = await runToEnd('curl', ['-sS', '--max-time', '5', `http://${network.address('inner')}:8000/`], { within: network.within('client') })
  t.equal(code, 7)
  t.match(stderr, /unreachable|connect to/i, 'and no route')
})

t.test('a firewall drops what it has no door for, and counters tell', { skip }, async t => {
  const network = await networkOf(t, { links: { inside: ['dmz', 'inner'] }, firewall: { inner: [{ port: 8000, from: 'dmz' }] } })
  await Promise.all([8000, 8001].map(async port => await startBackEnd(t, { host: '0.0.0.0', port }, { within: network.within('inner') })))
  t.same(await network.syns('inner'), { accepted: 0, dropped: 0, sent: 0 })
  const seen = JSON.parse(await curl(['http://inner:8000/headers'], { within: network.within('dmz') })) as SeenRequest
  t.equal(seen.remoteAddress, network.address('dmz', 'inner'))
  t.same(await network.syns('inner'), { accepted: 1, dropped: 0, sent: 0 })
  const { code } = await runToEnd('curl', ['-sS', '--connect-timeout', '1', 'http://inner:8001/'], { within: network.within('dmz') })
  t.equal(code, 28, 'no RST: the attempt times out')
  const { accepted, dropped } = await network.syns('inner')
  t.equal(accepted, 1)
  t.ok(dropped >= 1)
  t.equal((await network.syns('dmz')).sent, accepted + dropped)
  t.equal((await curl(['http://127.0.0.1:8001/echo?bytes=0', '-w', '%{http_code}'], { within: network.within('inner') })), '200', 'loopback is free, and does not count')
  t.equal((await network.syns('inner')).sent, 0)
})

t.test('a slow reader takes its answer at its pace', { skip }, async t => {
  const network = await networkOf(t, { links: { wire: ['client', 'server'] } })
  await startBackEnd(t, { host: '0.0.0.0', port: 8000 }, { within: network.within('server') })
  const { streams: [stream] } = await runLoad(t, { origin: 'http://server:8000', kind: 'read', bytes: 1024 ** 3, concurrency: 1, bytesPerSecond: 100 * 1024, durationMs: 3000 }, { within: network.within('client') })
  t.match(stream, { outcome: 'ok' })
  t.ok(stream !== undefined && stream.bytes > 200 * 1024 && stream.bytes < 500 * 1024, 'within a chunk or two of 300 KiB', { stream })
})

t.test('a pulled cable: silence for both sides, the device stays up, and the connection goes on after', { skip }, async t => {
  const network = await networkOf(t, { links: { wire: ['client', 'server', 'other'] } })
  for (const member of ['server', 'other']) await startBackEnd(t, { host: '0.0.0.0', port: 8000 }, { within: network.within(member) })
  const load = (server: string, more: object) => startLoad(t, { origin: `http://${server}:8000`, kind: 'get', bytes: 10, concurrency: 1, pauseMs: 20, ...more }, { within: network.within('client') })
  const patient = load('server', { timeoutMs: 20_000 })
  const other = load('other', {})
  await Promise.all([patient.running(), other.running()])
  await network.pullCable('wire', 'server')
  const pulled = Date.now()
  const impatient = await load('server', { requests: 2, timeoutMs: 700 }).report()
  t.same(outcomes(impatient), { timeout: 2 }, 'nothing answers, nothing refuses')
  const { stdout } = await runToEnd('ip', ['-o', 'link', 'show', 'wire'], { within: network.within('server') })
  t.match(stdout, /state UP/)
  await network.plugCable('wire', 'server')
  const plugged = Date.now()
  const again = await load('server', { requests: 1, timeoutMs: 10_000 }).report()
  t.same(outcomes(again), { ok: 1 })
  const report = await patient.stop()
  t.same(failures(report), [], 'the connection from before survived')
  t.equal(report.exchanges.filter(({ at, ms }) => at > pulled + 50 && at + ms < plugged).length, 0)
  t.ok(Math.max(...report.exchanges.map(({ ms }) => ms)) >= plugged - pulled - 50)
  const others = await other.stop()
  t.same(failures(others), [])
  t.ok(between(others, pulled, plugged).exchanges.length > 5, 'the other member of the link felt nothing')
})

t.test('a bad link loses packets and TCP carries on; a good one again is a good one', { skip }, async t => {
  const network = await networkOf(t, { links: { wire: ['client', 'server'] } })
  await startBackEnd(t, { host: '0.0.0.0', port: 8000 }, { within: network.within('server') })
  const job = { origin: 'http://server:8000', kind: 'get', bytes: 600, concurrency: 4, requests: 400 } as const
  const client = { within: network.within('client') }
  const good = await runLoad(t, job, client)
  await network.impair('wire', { lossPercent: 10 })
  const bad = await runLoad(t, job, client)
  t.same([outcomes(good), outcomes(bad)], [{ ok: 400 }, { ok: 400 }])
  t.ok(percentile(bad, 0.98) > percentile(good, 0.98) * 2, 'lost packets are seen in the tail', { good: percentile(good, 0.98), bad: percentile(bad, 0.98) })
  await network.impair('wire', {})
  t.ok(percentile(await runLoad(t, job, client), 0.98) < percentile(bad, 0.98))
})

t.test('delay', { skip }, async t => {
  const network = await networkOf(t, { links: { wire: ['client', 'server'] } })
  if (!await network.canDelay()) {
    await t.rejects(network.impair('wire', { delayMs: 50 }), /netem/, 'says what is missing')
    return
  }
  await startBackEnd(t, { host: '0.0.0.0', port: 8000 }, { within: network.within('server') })
  await network.impair('wire', { delayMs: 50 })
  const report = await runLoad(t, { origin: 'http://server:8000', kind: 'get', bytes: 10, concurrency: 1, requests: 5 }, { within: network.within('client') })
  t.ok(percentile(report, 0) >= 100)
})

/** Waits for the end of a process that is nobody's child here; one that has ended and was not asked for yet has no descriptors left. */
async function gone (pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}/fd/0`)) await setImmediate()
}

t.test('nothing is left of a program that fails, and the next network takes away what a killed one left', { skip }, async t => {
  const build = `
    const { networkOf } = await import(${JSON.stringify(new URL('../helpers/network.ts', import.meta.url).href)})
    const { spawn } = await import('node:child_process')
    const network = await networkOf({ teardown () {} }, { links: { wire: ['one', 'two'] } })
    const [command, ...args] = [...network.within('one'), 'sleep', '600']
    console.log('sleeper ' + spawn(command, args, { stdio: 'ignore' }).pid)
    process.stdin.once('data', () => { throw new Error('on purpose') })`
  const start = async () => {
    const program = runProgram(t, process.execPath, ['--input-type=module', '-e', build])
    const pid = Number((await program.line(line => line.startsWith('sleeper '))).slice('sleeper '.length))
    return { program, sleeper: pid, left: () => readdirSync('/run/netns').filter(name => name.startsWith(`postern-${program.child.pid}-`)) }
  }
  const failing = await start()
  t.equal(failing.left().length, 3)
  const ended = once(failing.program.child, 'exit')
  failing.program.child.stdin.write('fail\n')
  t.same(await ended, [1, null])
  t.same(failing.left(), [])
  await gone(failing.sleeper)

  const killed = await start()
  await killed.program.stop('SIGKILL')
  t.equal(killed.left().length, 3)
  await networkOf(t, { links: { wire: ['one', 'two'] } })
  t.same(killed.left(), [])
  await gone(killed.sleeper)
})
