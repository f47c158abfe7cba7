import fc from 'fast-check'
import t from 'tap'
import { BackOff, type BackOffSettings } from '../../src/reverse-invoke/back-off.ts'

const settings: BackOffSettings = { initialMs: 100, firstCapMs: 2000, firstPeriodMs: 300_000, capMs: 30_000, stableMs: 10_000 }

/** A back-off whose clock is moved by hand and whose random part is the whole, so that delays are their upper bounds. */
function bounds (more: Partial<BackOffSettings> = {}, random = () => 1) {
  const clock = { now: 0 }
  const backOff = new BackOff({ ...settings, ...more }, { now: () => clock.now, random })
  return { clock, backOff }
}

t.test('bounds double from the first one to the cap of the beginning', async t => {
  const { backOff } = bounds()
  t.same(Array.from({ length: 7 }, () => backOff.failed()), [100, 200, 400, 800, 1600, 2000, 2000])
})

t.test('the cap rises with the age of the outage, not with the number of attempts', async t => {
  const { backOff, clock } = bounds()
  for (let attempt = 0; attempt < 200; attempt++) backOff.failed()
  clock.now = 299_999
  t.equal(backOff.failed(), 2000)
  clock.now = 300_000
  t.equal(backOff.failed(), 30_000)
})

t.test('an outage ends when a success has lasted, and not before', async t => {
  const { backOff, clock } = bounds()
  for (let attempt = 0; attempt < 6; attempt++) backOff.failed()
  backOff.succeeded()
  clock.now = 9999
  t.equal(backOff.failed(), 2000, 'a short success changes nothing')
  backOff.succeeded()
  clock.now += 10_000
  t.equal(backOff.failed(), 100)
  clock.now += 299_999
  t.equal(backOff.failed(), 200, 'and its age begins anew')
  clock.now += 1
  for (let attempt = 0; attempt < 12; attempt++) backOff.failed()
  t.equal(backOff.failed(), 30_000)
})

t.test('a success counts from when it came, and once', async t => {
  const { backOff, clock } = bounds()
  backOff.failed()
  backOff.succeeded()
  clock.now = 5000
  t.equal(backOff.failed(), 200)
  clock.now = 20_000
  t.equal(backOff.failed(), 400, 'the success before the last failure is forgotten')
})

t.test('full jitter: a delay is any part of its bound', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.array(fc.record({ random: fc.double({ min: 0, max: 0.999999, noNaN: true }), passesMs: fc.integer({ min: 0, max: 100_000 }), succeeds: fc.boolean() }), { minLength: 1, maxLength: 60 }),
    steps => {
      let random = 0
      let now = 0
      const backOff = new BackOff(settings, { now: () => now, random: () => random })
      const whole = new BackOff(settings, { now: () => now, random: () => 1 })
      for (const step of steps) {
        random = step.random
        if (step.succeeds) for (const one of [backOff, whole]) one.succeeded()
        now += step.passesMs
        const bound = whole.failed()
        const delay = backOff.failed()
        if (bound < 100 || bound > 30_000) return false
        if (Math.abs(delay - bound * random) > 1e-6) return false
      }
      return true
    }
  )))
})

t.test('bounds never shrink within an outage, and never pass the cap of their time', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 2, maxLength: 2000 }),
    passes => {
      const { backOff, clock } = bounds()
      let last = 0
      for (const ms of passes) {
        const bound = backOff.failed()
        if (bound < last || bound > (clock.now < 300_000 ? 2000 : 30_000)) return false
        last = bound
        clock.now += ms
      }
      return true
    }
  )))
})
