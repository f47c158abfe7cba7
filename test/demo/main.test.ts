import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort } from '../helpers/nginx.ts'
import { runProgram, runToEnd } from '../helpers/processes.ts'

// each of them starts a landscape of three processes
t.setTimeout(120_000)

const main = fileURLToPath(new URL('../../src/demo/main.ts', import.meta.url))

/** The demo in a temporary directory of its own, so that what it leaves behind is seen. */
function surroundings (directory: string): { env: NodeJS.ProcessEnv } {
  return { env: { ...process.env, TMPDIR: directory } }
}

async function pageAt (url: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    get(url, { headers: { accept: 'text/html' }, rejectUnauthorized: false, agent: false }, answer => { text(answer).then(resolve, reject) }).on('error', reject)
  })
}

t.test('--once shows what arrived, ends with 0, and leaves nothing behind', async t => {
  const directory = t.testdir({})
  const { code, stdout } = await runToEnd(process.execPath, [main, '--once'], surroundings(directory))
  t.equal(code, 0)
  t.match(stdout, 'Before the local gateway has registered, the answer is 503: ')
  t.match(stdout, /^ {2}request came from +CN=wd-local, O=Example, C=DE$/m)
  t.match(stdout, /^ {2}logged on as +CN=ALICE, OU=Users, O=Example, C=DE {3}\[from the header\]$/m)
  t.match(stdout, /with a forged SSL_CLIENT_CERT it saw:\n {2}logged on as +\(nobody\)\n/)
  t.match(stdout, /^ {2}DMZ gateway +has opened 0\n {2}local gateway +has opened [1-9]\d* to the registration port .*\n.*: 0 connections came in$/m)
  t.match(stdout, 'All of it as expected.')
  t.same(readdirSync(directory), [])
})

t.test('keeps running until it is told to stop, once or twice', async t => {
  const directory = t.testdir({})
  const demo = runProgram(t, process.execPath, [main, '--port=0'], surroundings(directory))
  await demo.line(line => line.includes('Ctrl-C ends it.'))
  const url = demo.lines.map(line => /curl .* (https:\S+)$/.exec(line)?.[1]).find(found => found !== undefined) as string
  t.match(await pageAt(url), /<h1>What the back end sees<\/h1>[^]*<th>logged on as<\/th><td>\(nobody\)<\/td>/, 'a page for browsers')
  demo.child.kill('SIGINT')
  t.same(await demo.stop('SIGINT'), { code: 0, signal: null })
  t.same(readdirSync(directory), [])
})

t.test('a gateway that cannot start ends it with 1, and its own words', async t => {
  const directory = t.testdir({})
  const { code, stderr } = await runToEnd(process.execPath, [main, '--once', '--port=eight'], surroundings(directory))
  t.equal(code, 1)
  t.match(stderr, /the dmz gateway has ended without being told to:\n[^]*dmz\.pfl:\d+ +icm\/server_port_0/)
  t.same(readdirSync(directory), [])
})

t.test('a gateway that is killed ends it with 1', async t => {
  const directory = t.testdir({})
  const demo = runProgram(t, process.execPath, [main, '--port=0'], surroundings(directory))
  await demo.line(line => line.includes('Ctrl-C ends it.'))
  const pid = demo.lines.map(line => /^ {2}local gateway +process (\d+),/.exec(line)?.[1]).find(found => found !== undefined)
  const ended = once(demo.child, 'exit')
  process.kill(Number(pid), 'SIGKILL')
  t.same(await ended, [1, null])
  t.match(demo.lines, /the local gateway has ended without being told to/)
  t.same(readdirSync(directory), [])
})

t.test('PKI and back end alone: what a landscape of containers is made of', async t => {
  const directory = t.testdir({})
  const source = (name: string) => fileURLToPath(new URL(`../../src/demo/${name}.ts`, import.meta.url))
  t.match(await runToEnd(process.execPath, [source('mint'), directory]), { code: 0, stderr: '' })
  t.same(readdirSync(directory).toSorted(), ['back-end', 'dmz', 'local', 'user'])
  t.same(readdirSync(join(directory, 'dmz')), ['SAPSSLS.pse'], 'nobody else\'s key')
  const port = await freePort()
  const backend = runProgram(t, process.execPath, [source('serve'), join(directory, 'back-end'), String(port)])
  await backend.line(line => line === `back end: listening on port ${port}`)
  t.match(await pageAt(`https://localhost:${port}/`), '(nobody)')
  t.same(await backend.stop(), { code: 0, signal: null })
})

t.test('an unknown option ends with 1 and its name', async t => {
  const { code, stderr } = await runToEnd(process.execPath, [main, '--nonsense'])
  t.equal(code, 1)
  t.match(stderr, '--nonsense')
  t.notMatch(stderr, /^\s+at /m)
})
