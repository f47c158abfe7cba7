/**
 * Whatever happens to a file, reading it ends soon, in a result or in an error of ours. What is encrypted or has a checksum is changed inside
 * as well, under the right PIN, so that more is read than the first check.
 *
 * POSTERN_FUZZ_RUNS is the number of files, over all readers; POSTERN_FUZZ_SEED begins another sequence of them.
 */
import t from 'tap'
import { Dice, mutate } from '../helpers/mutations.ts'
import { makeTargets, pin, type Target } from './targets.ts'

const runs = Number(process.env['POSTERN_FUZZ_RUNS'] ?? 4000)
const firstSeed = Number(process.env['POSTERN_FUZZ_SEED'] ?? 4711)
/** CPU time of one file, in seconds. Two are what the most expensive ones took; a slower machine has time for its own. */
const maxSeconds = 8
/** What the process may grow to, in MiB: scrypt takes 128 of it, and the garbage of a hundred thousand files comes and goes. */
const maxMebibytes = 1024

/** What happened to the files of one reader. */
interface Figures { files: number, read: number, slowest: number, slowestSeed: number }

function outcomeOf (read: () => unknown): 'read' | 'refused' {
  try {
    read()
    return 'read'
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!/^POSTERN_ERR_(IDENTITY|PSE|PKCS12|PEM|CREDV2|TRUST|CRL)_/.test(String(code))) throw error
    if (message.includes(pin)) throw new TypeError('the PIN is in the message', { cause: error })
    return 'refused'
  }
}

function cpuSeconds (since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

function runOnce ({ sample, wrap, read }: Target, seed: number, figures: Figures): void {
  const file = wrap(mutate(sample, new Dice(seed)))
  const start = process.cpuUsage()
  const outcome = outcomeOf(() => read(file))
  const seconds = cpuSeconds(start)
  figures.files++
  if (outcome === 'read') figures.read++
  if (seconds > figures.slowest) Object.assign(figures, { slowest: seconds, slowestSeed: seed })
}

// a hundred thousand take some minutes
t.setTimeout(0)
const targets = await makeTargets(t)

await t.test('the files are sound before they are changed', async t => {
  for (const { reader, name, sample, wrap, read } of targets) {
    // the judge of lists says that it is not to judge one that is sound
    if (reader !== 'CRL') t.doesNotThrow(() => read(wrap(sample)), `${reader} ${name}`)
  }
})

for (const [reader, own] of Map.groupBy(targets, ({ reader }) => reader)) {
  t.test(`${reader}: any change ends in a result or in an error of ours`, { timeout: 0 }, async t => {
    const figures: Figures = { files: 0, read: 0, slowest: 0, slowestSeed: 0 }
    for (const target of own) {
      for (let seed = firstSeed; seed < firstSeed + Math.ceil(runs / targets.length); seed++) {
        try {
          runOnce(target, seed, figures)
        } catch (error) {
          t.fail(`${reader} ${target.name}, POSTERN_FUZZ_SEED=${seed} POSTERN_FUZZ_RUNS=1`, { error })
          break
        }
      }
    }
    t.comment(`${figures.files} files, ${figures.read} read; the slowest took ${figures.slowest.toFixed(2)} s of CPU (seed ${figures.slowestSeed})`)
    t.ok(figures.slowest < maxSeconds, `${figures.slowest} s, seed ${figures.slowestSeed}`)
    t.ok(figures.files > figures.read, 'some are refused')
  })
}

t.test('memory is bounded', async t => {
  const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024)
  t.comment(`${mebibytes} MiB at most`)
  t.ok(mebibytes < maxMebibytes, `${mebibytes} MiB`)
})
