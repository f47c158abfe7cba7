import t from 'tap'
import { refuseOldNode } from '../../src/gateway/node-version.ts'

t.test('refuses a Node that cannot load the program, and no other', async t => {
  const rows: Array<[version: string, exitCode: number | null]> = [['20.20.2', 1], ['22.22.9', 1], ['22.23.3', null], ['24.0.0', null], ['26.10.0', null]]
  for (const [node, expected] of rows) {
    let [code, text]: [number | null, string] = [null, '']
    refuseOldNode({ versions: { node }, execPath: '/usr/bin/node', stderr: { write: line => { text += line } }, exit: given => { code = given } })
    t.equal(code, expected, node)
    t.equal(text.includes(`this is ${node} (/usr/bin/node)`), expected !== null)
  }
})
