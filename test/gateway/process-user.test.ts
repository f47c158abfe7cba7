import { userInfo } from 'node:os'
import t from 'tap'
import { processUser } from '../../src/gateway/process-user.ts'

t.test('the name of the user, or the number of one without a name', async t => {
  t.equal(processUser(), userInfo().username)
  t.equal(processUser(() => { throw new Error('no such user') }), String(process.getuid?.()))
})
