import fc from 'fast-check'
import t from 'tap'
import { readMessageFromAcceptor, readMessageFromInitiator, readVersion, writeMessage } from '../../src/reverse-invoke/messages.ts'

const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/)
const endpoint = fc.tuple(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`)
const register = fc.record({
  type: fc.constant('register' as const),
  version: fc.integer({ min: 1, max: 65_535 }),
  instance: id,
  endpoints: fc.uniqueArray(endpoint, { minLength: 1, maxLength: 40 }),
  poolSize: fc.option(fc.integer({ min: 0, max: 10_000 }))
}, { noNullPrototype: true })
const want = fc.record({ type: fc.constant('want' as const), endpoint, tickets: fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{22,86}$/), { minLength: 1, maxLength: 256 }) }, { noNullPrototype: true })

t.test('what is written is read', async t => {
  fc.assert(fc.property(register, message => { t.strictSame(readMessageFromInitiator(writeMessage(message)), message) }), { numRuns: 50 })
  fc.assert(fc.property(want, message => { t.strictSame(readMessageFromAcceptor(writeMessage(message)), message) }), { numRuns: 50 })
})

t.test('one change to a property makes it no message: none, another type, one more', async t => {
  const keys = ['type', 'version', 'instance', 'endpoints', 'poolSize'] as const
  fc.assert(fc.property(register, fc.constantFrom(...keys), fc.constantFrom({}, true, -1, 1.5, '', [], undefined), (message, key, value) =>
    readMessageFromInitiator(JSON.stringify({ ...message, [key]: value })) === null))
  fc.assert(fc.property(register, id, (message, key) => keys.includes(key as never) || readMessageFromInitiator(JSON.stringify({ ...message, [key]: 1 })) === null))
})

t.test('any text is a message of four types or none, and nothing throws', async t => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.json().map(text => `{"type":"draining","x":${text}}`)), text => {
    const message = readMessageFromInitiator(text)
    readVersion(text)
    return message === null || ['register', 'draining', 'bye', 'error'].includes(message.type)
  }))
})

t.test('neither side takes the other side\'s messages', async t => {
  fc.assert(fc.property(want, message => readMessageFromInitiator(writeMessage(message)) === null))
  fc.assert(fc.property(register, message => readMessageFromAcceptor(writeMessage(message)) === null))
})

t.test('the version of a registration that otherwise means nothing', async t => {
  t.equal(readVersion('{"type":"register","version":2,"more":{}}'), 2)
  for (const text of ['{"type":"register","version":"2"}', '{"type":"bye","version":2}', '{', 'null', '2']) t.equal(readVersion(text), null)
})
