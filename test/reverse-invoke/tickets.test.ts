import t from 'tap'
import { Tickets } from '../../src/reverse-invoke/tickets.ts'
import { manualClock } from '../helpers/manual-clock.ts'

const build = () => {
  const clock = manualClock()
  const owner = (binding: string) => ({ binding, lost: 0, expired () { this.lost++ } })
  return { clock, owner, tickets: new Tickets<ReturnType<typeof owner>>({ lifetimeMs: 10_000, clock }) }
}

t.test('a ticket opens once, for whom it was made', async t => {
  const { tickets, owner } = build()
  const [a, b] = [owner('a'), owner('b')]
  const ticket = tickets.issue(a)
  t.match(ticket, /^[\w-]{32}$/, '192 bits')
  t.not(tickets.issue(a), ticket)
  t.same(tickets.redeem(ticket, 'b'), { refusal: 'foreign' })
  t.equal((tickets.redeem(ticket, 'a') as { owner: unknown }).owner, a, 'a thief does not spoil it')
  t.same(tickets.redeem(ticket, 'a'), { refusal: 'used' })
  t.same(tickets.redeem(ticket, 'b'), { refusal: 'foreign' })
  t.same(tickets.redeem('A'.repeat(32), 'a'), { refusal: 'unknown' })
  t.equal(b.lost, 0)
  tickets.close()
})

t.test('a ticket expires, and its owner hears of it once', async t => {
  const { tickets, owner, clock } = build()
  const one = owner('a')
  const used = tickets.issue(one)
  tickets.redeem(used, 'a')
  const ticket = tickets.issue(one)
  clock.advance(9_999)
  const later = tickets.issue(one)
  clock.advance(1)
  t.equal(one.lost, 1)
  t.same(tickets.redeem(ticket, 'a'), { refusal: 'expired' })
  t.equal(one.lost, 1)
  t.ok('owner' in tickets.redeem(later, 'a'))
  clock.advance(30_000)
  t.same([used, ticket, later].map(text => tickets.redeem(text, 'a')), Array(3).fill({ refusal: 'unknown' }), 'forgotten')
  t.equal(one.lost, 1)
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('a ticket that expired before the timer came opens nothing', async t => {
  const { clock, owner } = build()
  const late = { now: clock.now, after: () => () => {} }
  const tickets = new Tickets<ReturnType<typeof owner>>({ lifetimeMs: 10, clock: late })
  const one = owner('a')
  const ticket = tickets.issue(one)
  clock.advance(10)
  t.same(tickets.redeem(ticket, 'a'), { refusal: 'expired' })
  t.equal(one.lost, 1)
})

t.test('revoked tickets are worthless, those of others are not', async t => {
  const { tickets, owner, clock } = build()
  const [a, b] = [owner('a'), owner('b')]
  const [first, second] = [tickets.issue(a), tickets.issue(b)]
  tickets.revoke(a)
  t.same(tickets.redeem(first, 'a'), { refusal: 'unknown' })
  t.ok('owner' in tickets.redeem(second, 'b'))
  tickets.revoke(b)
  t.equal(clock.pending, 0)
  clock.advance(100_000)
  t.equal(a.lost, 0, 'an owner that gave them up is not told')
})
