import t from 'tap'
import { ControlSession } from '../../src/reverse-invoke/control-session.ts'
import { errors } from '../../src/errors.ts'
import { manualClock } from '../helpers/manual-clock.ts'

const register = { type: 'register', version: 1, instance: 'one', endpoints: ['a:1'], poolSize: null }
const limits = { registerTimeoutMs: 5000, heartbeatMs: 1000, maxMessagesPerSecond: 3, maxMessageBytes: 1000 }

function build ({ validForMs = Infinity, refuse = null as Error & { code: string } | null } = {}) {
  const clock = manualClock()
  const calls: string[] = []
  const sent: Array<Record<string, unknown>> = []
  const ends: Array<[string, string | undefined]> = []
  const session: ControlSession = new ControlSession({
    send: text => { sent.push(JSON.parse(text)) },
    ping: () => { calls.push('ping') },
    close: (code, reason) => { calls.push(`close ${code} ${reason}`) },
    terminate: () => { calls.push('terminate') }
  }, {
    clock,
    limits,
    validForMs,
    events: {
      register: () => {
        if (refuse !== null) throw refuse
        session.registered({ type: 'registered', version: 1, replica: 'r', replicas: 1, heartbeatMs: 1000 })
      },
      draining: () => { calls.push('draining') },
      ended: (reason, error) => { ends.push([reason, error?.code]) }
    }
  })
  const say = (message: object | string) => { session.message(typeof message === 'string' ? message : JSON.stringify(message)) }
  return { clock, calls, sent, ends, session, say }
}

const code = (name: string) => `POSTERN_ERR_REVERSE_INVOKE_${name}`

t.test('an initiator that is silent for twice the heart-beat has gone', async t => {
  const { clock, calls, ends, session, say } = build()
  say(register)
  t.same(calls, ['ping'])
  clock.advance(900)
  session.heartbeat()
  clock.advance(100)
  t.same(calls, ['ping', 'ping'], 'it was heard')
  clock.advance(999)
  t.same(ends, [])
  clock.advance(1)
  t.same(calls.at(-1), 'terminate')
  t.same(ends, [['silent', code('SILENT')]])
  t.equal(clock.pending, 0)
})

t.test('a registration does not outlive its certificate', async t => {
  const { clock, ends, session, say, sent } = build({ validForMs: 1500 })
  say(register)
  session.heartbeat()
  clock.advance(1000)
  session.heartbeat()
  t.same(ends, [])
  clock.advance(1000)
  t.same(ends, [['expired', code('CERTIFICATE')]])
  t.equal(sent.at(-1)?.type, 'error')
})

t.test('the time to register is bounded', async t => {
  const { clock, ends, calls, sent } = build()
  clock.advance(5000)
  t.same(ends, [['refused', code('REGISTER_TIMEOUT')]])
  t.match(sent, [{ type: 'error', code: code('REGISTER_TIMEOUT') }])
  t.same(calls, [`close 1008 ${code('REGISTER_TIMEOUT')}`])
})

t.test('a refusal is told with its code', async t => {
  const { say, sent, ends, clock } = build({ refuse: new errors.REVERSE_INVOKE_ENDPOINT('a:1') })
  say(register)
  t.match(sent, [{ type: 'error', code: code('ENDPOINT'), message: /may not register a:1/ }])
  t.same(ends, [['refused', code('ENDPOINT')]])
  say(register)
  t.equal(sent.length, 1, 'nothing is read after the end')
  t.equal(clock.pending, 0)
})

for (const [what, said, expected] of [
  ['malformed JSON', ['{"type":'], 'MESSAGE'],
  ['no message', ['{"type":"hello"}'], 'MESSAGE'],
  ['a message before the registration', [{ type: 'draining' }], 'MESSAGE'],
  ['a bye before the registration', [{ type: 'bye' }], 'MESSAGE'],
  ['a second registration', [register, register], 'MESSAGE'],
  ['an unknown version', [{ ...register, version: 2 }], 'VERSION'],
  ['an unknown version with unknown parts', [{ type: 'register', version: 7, names: [] }], 'VERSION'],
  ['a property too many', [{ ...register, admin: true }], 'MESSAGE'],
  ['messages of the acceptor', [register, { type: 'want', endpoint: 'a:1', tickets: ['A'.repeat(22)] }], 'MESSAGE'],
  ['a flood', [register, { type: 'draining' }, { type: 'draining' }, { type: 'draining' }], 'MESSAGE_RATE']
] as const) {
  t.test(`${what} ends the channel`, async t => {
    const { say, sent, ends, calls } = build()
    for (const message of said) say(message)
    t.same(ends.map(([, one]) => one), [code(expected)])
    t.match(sent.at(-1), { type: 'error', code: code(expected) })
    t.equal(calls.at(-1), `close 1008 ${code(expected)}`)
  })
}

t.test('a binary message ends the channel', async t => {
  const { session, ends } = build()
  session.message(null)
  t.same(ends, [['refused', code('MESSAGE')]])
})

t.test('the rate counts anew each second; pings have a rate of their own', async t => {
  const { say, session, ends, clock } = build()
  say(register)
  session.heartbeat()
  for (let second = 0; second < 3; second++) {
    clock.advance(1000)
    for (let count = 0; count < 3; count++) say({ type: 'draining' })
    for (let count = 0; count < 7; count++) session.heartbeat()
  }
  t.same(ends, [])
  session.heartbeat()
  t.same(ends, [['rules', code('MESSAGE_RATE')]])
})

t.test('a session ends once', async t => {
  const { say, session, ends, calls, sent } = build()
  say(register)
  say({ type: 'bye' })
  session.bye()
  session.closed()
  session.abort()
  session.fail(new errors.REVERSE_INVOKE_MESSAGE())
  session.heartbeat()
  t.same(ends, [['bye', undefined]])
  t.ok(calls.includes('close 1000 bye'))
  t.equal(sent.length, 1)
})

t.test('an error from the initiator, a lost connection and a broken one end it', async t => {
  for (const [end, expected] of [
    [(built: ReturnType<typeof build>) => { built.say({ type: 'error', code: 'POSTERN_ERR_X', message: 'no' }) }, ['closed', undefined]],
    [({ session }: ReturnType<typeof build>) => { session.closed() }, ['closed', undefined]],
    [({ session }: ReturnType<typeof build>) => { session.closed(new errors.REVERSE_INVOKE_MESSAGE_SIZE(1000)) }, ['connection error', code('MESSAGE_SIZE')]],
    [({ session }: ReturnType<typeof build>) => { session.abort() }, ['aborted', undefined]]
  ] as const) {
    const built = build()
    built.say(register)
    end(built)
    t.same(built.ends, [expected])
    t.equal(built.clock.pending, 0)
  }
})
