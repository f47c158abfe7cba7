import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

/** V8 says a word about a flag that it does not know, and goes on. */
async function wordsOf (script: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return stdout + stderr
}

t.test('this V8 knows the setting', async t => {
  const heap = new URL('../../src/gateway/heap.ts', import.meta.url).href
  t.equal(await wordsOf(`import { letHeapGrow } from '${heap}'; letHeapGrow()`), '')
  t.not(await wordsOf("import { setFlagsFromString } from 'node:v8'; setFlagsFromString('--heap-growing-percentage=200')"), '', 'it would say so')
})
