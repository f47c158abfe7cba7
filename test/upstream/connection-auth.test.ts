import t from 'tap'
import { hasConnectionChallenge, hasConnectionCredentials } from '../../src/upstream/connection-auth.ts'

t.test('credentials for a connection', async t => {
  const rows: Array<[unknown, boolean]> = [
    [['Authorization', 'NTLM x'], true], [['A', 'b', 'AUTHORIZATION', ' negotiate x'], true], [['authorization', 'Negotiate'], true], [['authorization', 'Kerberos x'], true],
    [['Authorization', 'Basic NTLM'], false], [['Authorization', 'NTLMx y'], false], [['X-Authorizatio', 'NTLM x'], false], [[], false], [null, false], [undefined, false], ['text', false],
    [{ Authorization: 'NTLM x' }, true], [{ authorization: 'Basic x', proxyAuthoriz: 'NTLM' }, false]
  ]
  for (const [fields, expected] of rows) t.equal(hasConnectionCredentials(fields), expected, JSON.stringify(fields))
})

t.test('a challenge for a connection', async t => {
  const rows: Array<[string[], boolean]> = [
    [['WWW-Authenticate', 'NTLM'], true], [['www-authenticate', 'Negotiate'], true], [['WWW-Authenticate', 'Basic realm="x",NTLM'], true], [['WWW-Authenticate', 'NTLM TlRM'], true],
    [['WWW-Authenticate', 'Basic realm="negotiate"'], false], [['X-WWW-Authenticat', 'NTLM'], false], [['A', 'b', 'WWW-Authenticate', 'Bearer', 'WWW-Authenticate', 'Negotiate'], true], [[], false]
  ]
  for (const [fields, expected] of rows) t.equal(hasConnectionChallenge(fields.map(text => Buffer.from(text))), expected, fields.join(' '))
  t.notOk(hasConnectionChallenge(null))
})
