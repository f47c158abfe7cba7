import t from 'tap'
import { isForeign, knownParameters, schemaOf } from '../../../src/profile/parameters/known.ts'
import { nearestParameter, nearestWord } from '../../../src/profile/parameters/nearest.ts'

t.test('each parameter has one entry, and says everything', async t => {
  const names = knownParameters.map(({ name }) => name)
  t.equal(new Set(names).size, names.length, 'no name twice')
  for (const schema of knownParameters) {
    t.match(schema.description, /^[A-Z'].*\.$/s, `${schema.name} is described in sentences`)
    t.ok(schema.example.startsWith(schema.name.replace(/_<xx>$/, '_').replace(/\*$/, '')), `${schema.name} has an example`)
    t.equal(schema.because === null, schema.status === 'served', `${schema.name} says why it is not served`)
    t.ok(schema.source === null || schema.source.startsWith('https://'), `${schema.name} has a source`)
    t.ok(schema.source !== null || schema.group === 'postern' || schema.name === 'wdisp/handle_webdisp_ap_header')
    if (schema.kind === 'plain' && schema.default !== null) t.not(schema.type.read(schema.default), null, `${schema.name} can have its default`)
    if (schema.kind === 'structured') for (const [key, entry] of Object.entries(schema.keys)) t.ok(entry.default === null || entry.type.read(entry.default) !== null, `${schema.name} ${key} can have its default`)
  }
})

t.test('names find their entry in exactly their spelling', async t => {
  const rows: Array<[name: string, entry: string | null]> = [
    ['icm/keep_alive_timeout', 'icm/keep_alive_timeout'], ['icm/server_port_0', 'icm/server_port_<xx>'], ['icm/server_port_00', 'icm/server_port_<xx>'],
    ['icm/server_port_', null], ['icm/server_port', null], ['icm/Server_port_0', null], ['wdisp/ri/acl_0', 'wdisp/ri/acl_<xx>'], ['wdisp/ri/acl', 'wdisp/ri/*'], ['wdisp/ri/', null],
    ['icm/HTTP/server_cache_1/size_MB', 'icm/HTTP/server_cache_*'], ['icm/HTTP/logging_client_0', 'icm/HTTP/logging_client_<xx>'], ['constructor', null]
  ]
  for (const [name, entry] of rows) t.equal(schemaOf(name)?.name ?? null, entry, name)
})

t.test('parameters of other programs are told from misspelt ones', async t => {
  for (const name of ['rdisp/wp_no_dia', 'DIR_HOME', 'ms/server_port_0', 'Start_Program_12', '_X', 'gw/acl_mode']) t.ok(isForeign(name), name)
  for (const name of ['icm/foo', 'wdisp/foo', 'ssl/foo', 'SAPSYSTEMNAM', 'postern/foo', 'Start_Program_x', 'is/foo']) t.notOk(isForeign(name), name)
})

t.test('the nearest name is near', async t => {
  t.strictSame(nearestParameter('ICM/SERVER_PORT_0'), { name: 'icm/server_port_0', caseOnly: true })
  t.strictSame(nearestParameter('icm/ssl_confg_3'), { name: 'icm/ssl_config_3', caseOnly: false })
  t.equal(nearestParameter('somethingelse'), null)
  t.equal(nearestWord('x'.repeat(101), ['a']), null)
})
