import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runProgram, runToEnd } from './helpers/processes.ts'

const program = fileURLToPath(new URL('../src/postern.ts', import.meta.url))

function run (...args: string[]): ReturnType<typeof runToEnd> {
  return runToEnd(process.execPath, [program, ...args])
}

t.test('-version and -help end with 0', async t => {
  t.match(await run('-version'), { code: 0, stdout: /^program = postern\n/ })
  t.match(await run('-help'), { code: 0, stdout: /^usage: postern pf=<profile>/ })
})

t.test('wrong arguments, a wrong configuration and its check end with 1', async t => {
  t.match(await run('-nonsense'), { code: 1, stderr: /-nonsense: unknown argument/ })
  const file = `${t.testdir({ 'a.pfl': 'SAPSYSTEM = 00\nicm/keep_alive_timeout = soon\n' })}/a.pfl`
  t.match(await run(`pf=${file}`), { code: 1, stderr: /a\.pfl:2 +icm\/keep_alive_timeout/ })
  t.match(await run(`pf=${file}`, '-checkconfig'), { code: 1, stdout: /result: errors/ })
})

t.test('runs until a signal, and listens to the others', async t => {
  const file = `${t.testdir({ 'a.pfl': 'SAPSYSTEM = 00\nicm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0\nwdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:9, SRCSRV=*:*\n' })}/a.pfl`
  t.match(await run(`pf=${file}`, '-checkconfig'), { code: 0, stdout: /result: no errors/ })
  const gateway = runProgram(t, process.execPath, [program, `pf=${file}`])
  await gateway.line(line => line.includes('icm/server_port_0: listening on'))
  for (const [signal, level] of [['SIGUSR2', 2], ['SIGUSR1', 1]] as const) {
    gateway.child.kill(signal)
    await gateway.line(line => line.includes(`"traceLevel":${level}`))
  }
  gateway.child.kill('SIGHUP')
  await gateway.line(line => line.includes('names are resolved again'))
  gateway.child.kill('SIGTERM')
  t.same(await gateway.stop('SIGTERM'), { code: 0, signal: null })
  t.ok(gateway.lines.at(-1)?.includes('"stopped"'), 'the last line is the last one')
})

t.test('whoever reads its output may go away: it serves on, and a signal ends it in order', async t => {
  const file = `${t.testdir({ 'a.pfl': 'SAPSYSTEM = 00\nicm/server_port_0 = PROT=HTTP, HOST=127.0.0.1, PORT=0\nwdisp/system_0 = SID=ABC, EXTSRV=http://127.0.0.1:9, SRCSRV=*:*\n' })}/a.pfl`
  const gateway = runProgram(t, process.execPath, [program, `pf=${file}`])
  const line = await gateway.line(text => text.includes('icm/server_port_0: listening on'))
  gateway.child.stdout.destroy()
  gateway.child.stderr.destroy()
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] as string
  // each of these requests writes lines
  for (let count = 0; count < 3; count++) t.equal((await fetch(url, { headers: { SSL_CLIENT_CERT: 'forged' } })).status, 502)
  t.same(await gateway.stop('SIGTERM'), { code: 0, signal: null })
})
