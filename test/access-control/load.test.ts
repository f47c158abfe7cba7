import { join } from 'node:path'
import t from 'tap'
import { loadAcl } from '../../src/access-control/load.ts'

t.test('reads a list from a file', async t => {
  const dir = t.testdir({ 'acl.txt': 'permit 127.0.0.1\n' })
  t.equal((await loadAcl(join(dir, 'acl.txt'))).decide('127.0.0.1').permitted, true)
})

t.test('a list with faults is refused, with all of them', async t => {
  const dir = t.testdir({ 'acl.txt': 'permit 127.0.0.1\nnone\nallow all\n' })
  await t.rejects(loadAcl(join(dir, 'acl.txt')), { code: 'POSTERN_ERR_ACL_INVALID', message: /acl\.txt:2: .*expected .*\n.*acl\.txt:3: / })
})

t.test('a file that cannot be read is named', async t => {
  await t.rejects(loadAcl(join(t.testdir(), 'none.txt')), { code: 'POSTERN_ERR_ACL_FILE', message: /none\.txt cannot be read: ENOENT/ })
})
