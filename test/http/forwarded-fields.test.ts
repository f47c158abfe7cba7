import t from 'tap'
import { withForwardedFields, type ForwardedFieldsOptions } from '../../src/http/forwarded-fields.ts'

const none: ForwardedFieldsOptions = { clientAddress: null, clientProtocol: null, accessPoints: null }

t.test('the fields a gateway adds (SAP Help, reverse proxy in the system landscape)', async t => {
  const rows: Array<[string, string[], Partial<ForwardedFieldsOptions>, string[]]> = [
    ['nothing asked for', ['X-Forwarded-For', 'a', 'clientprotocol', 'b', 'X-SAP-WEBDISP-AP', 'c'], {}, ['X-Forwarded-For', 'a', 'clientprotocol', 'b', 'X-SAP-WEBDISP-AP', 'c']],
    ['address, none before', ['A', 'b'], { clientAddress: '10.0.0.1' }, ['A', 'b', 'x-forwarded-for', '10.0.0.1']],
    ['address appended', ['x-forwarded-FOR', 'a, b', 'A', 'b'], { clientAddress: '10.0.0.1' }, ['x-forwarded-FOR', 'a, b, 10.0.0.1', 'A', 'b']],
    ['address appended to the last', ['X-Forwarded-For', 'a', 'X-Forwarded-For', 'b'], { clientAddress: '::1' }, ['X-Forwarded-For', 'a', 'X-Forwarded-For', 'b, ::1']],
    ['IPv4 on a socket for both', [], { clientAddress: '::ffff:10.0.0.1' }, ['x-forwarded-for', '10.0.0.1']],
    ['IPv6', [], { clientAddress: '::ffff:0:1' }, ['x-forwarded-for', '::ffff:0:1']],
    ['protocol replaces every one', ['ClientProtocol', 'x', 'A', 'b', 'CLIENTPROTOCOL', 'y'], { clientProtocol: 'https' }, ['A', 'b', 'clientprotocol', 'https']],
    ['access points replace every spelling', ['x-sap-webdisp-ap', 'x', 'X_SAP_WEBDISP_AP', 'y'], { accessPoints: 'HTTP=80' }, ['X-SAP-WEBDISP-AP', 'HTTP=80']]
  ]
  for (const [name, list, options, expected] of rows) t.strictSame(withForwardedFields(list, { ...none, ...options }), expected, name)
})
