/** `postern pse` as a process: the terminal it asks at, and the user and the CAs it finds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runProgram, runToEnd } from '../helpers/processes.ts'

const program = fileURLToPath(new URL('../../src/postern.ts', import.meta.url))
const secudir = mkdtempSync(join(tmpdir(), 'postern-pse-process-'))
t.teardown(() => { rmSync(secudir, { recursive: true }) })
const surroundings = { cwd: secudir, env: { ...process.env, SECUDIR: secudir } }
const pse = async (...argv: string[]) => await runToEnd(process.execPath, [program, 'pse', ...argv], surroundings)

t.before(async () => {
  const { code, stderr } = await pse('gen_pse', '-p', 'a.pem', '-x', 'geheim', '-a', 'EC', '-noreq', 'CN=asked')
  t.equal(code, 0, stderr)
  t.match(stderr, /warning: a PIN on the command line is visible/)
})

for (const [what, typed, shown, status] of [
  ['the right PIN', 'geheim\r', 'CN=asked', 0],
  ['a wrong one', 'falsch\r', 'PEM_PIN_WRONG', 2],
  ['Ctrl-C', '\x03', 'PSE_TOOL_INTERRUPTED', 2]
] as const) {
  t.test(`a PIN is asked for at the terminal, and not shown: ${what}`, async t => {
    // script(1) gives its command a terminal
    const command = `${process.execPath} ${program} pse get_my_name -p a.pem -n Subject; echo "exit $?"; stty -a`
    const terminal = runProgram(t, 'script', ['-qec', command, '/dev/null'], surroundings)
    const output = await new Promise<string>(resolve => {
      let text = ''
      let answered = false
      terminal.child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (answered || !text.includes(`PIN of ${join(secudir, 'a.pem')}: `)) return
        answered = true
        terminal.child.stdin.write(typed)
      })
      terminal.child.once('close', () => { resolve(text) })
    })
    t.match(output, shown)
    t.match(output, `exit ${status}`)
    t.match(output, / echo /, 'the terminal shows again what is typed')
    t.notMatch(output, /geheim|falsch/)
  })
}

t.test('without a terminal and without -x there is a message and no waiting', async t => {
  // a session of its own has no terminal
  const ran = await runToEnd('setsid', ['--wait', process.execPath, program, 'pse', 'get_my_name', '-p', 'a.pem'], surroundings)
  t.match(ran, { code: 2, stdout: '', stderr: /there is no terminal to ask for it; expected -x @<file>/ })
})
