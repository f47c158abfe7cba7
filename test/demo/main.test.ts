import { readdirSync } from 'node:fs'
import { get } from 'node:https'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runProgram, runToEnd } from '../helpers/processes.ts'

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
  t.match(stdout, /logged on as +CN=ALICE, OU=Users, O=Postern Demo, C=DE {3}\[from the header\]/)
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

t.test('an unknown option ends with 1 and its name', async t => {
  const { code, stderr } = await runToEnd(process.execPath, [main, '--nonsense'])
  t.equal(code, 1)
  t.match(stderr, '--nonsense')
  t.notMatch(stderr, /^\s+at /m)
})
