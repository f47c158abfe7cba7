import t from 'tap'
import { RotatingLog, type LogFiles, type RotatingLogOptions } from '../../src/access-log/rotating-log.ts'

/** A disk in memory; `order` says which file was written last. */
function disk (initial: Record<string, string> = {}) {
  const contents = new Map(Object.entries(initial))
  const state = { broken: false, ended: 0 }
  const files: LogFiles = {
    open: (file, { truncate }) => {
      if (state.broken) throw new RangeError('no space')
      if (truncate || !contents.has(file)) contents.set(file, '')
      // a file keeps its content when it gets another name
      let name = file
      const moved = (from: string, to: string) => { if (from === name) name = to }
      renames.add(moved)
      return {
        size: contents.get(file)?.length ?? 0,
        write: text => { contents.set(name, `${contents.get(name) ?? ''}${text}`) },
        end: async () => { state.ended++ }
      }
    },
    rename: (from, to) => {
      contents.set(to, contents.get(from) ?? '')
      contents.delete(from)
      for (const moved of renames) moved(from, to)
    },
    remove: file => { contents.delete(file) },
    list: (_file, names) => [...contents.keys()].filter(name => names.test(name.slice(name.lastIndexOf('/') + 1)))
  }
  const renames = new Set<(from: string, to: string) => void>()
  return { contents, files, state }
}

function build (over: Partial<RotatingLogOptions> = {}, initial: Record<string, string> = {}) {
  const { contents, files, state } = disk(initial)
  const clock = { ms: new Date(2026, 0, 31, 23, 30).getTime() }
  const faults: unknown[] = []
  const log = new RotatingLog({ template: '/l/a.log', maxBytes: null, maxFiles: null, switchTime: null, wrap: false, files, now: () => clock.ms, onFault: error => faults.push(error), ...over })
  return { log, clock, faults, state, show: () => Object.fromEntries(contents) }
}

t.test('appends to the file that is there', async t => {
  const { log, show } = build({}, { '/l/a.log': 'old\n' })
  log.write('new')
  t.strictSame(show(), { '/l/a.log': 'old\nnew\n' })
})

t.test('a file that would grow too large gets a number, the name stays with the file in use', async t => {
  const { log, show } = build({ maxBytes: 8 }, { '/l/a.log': 'aaa\n', '/l/a.log_07': 'older\n' })
  for (const line of ['bbb', 'ccc', 'ddd', 'eee']) log.write(line)
  t.strictSame(show(), { '/l/a.log_07': 'older\n', '/l/a.log_08': 'aaa\nbbb\n', '/l/a.log_09': 'ccc\nddd\n', '/l/a.log': 'eee\n' })
})

t.test('a line longer than the bound is written whole', async t => {
  const { log, show } = build({ maxBytes: 4 })
  log.write('0123456789')
  log.write('x')
  t.strictSame(show(), { '/l/a.log_01': '0123456789\n', '/l/a.log': 'x\n' })
})

t.test('keeps MAXFILES files', async t => {
  const { log, show } = build({ maxBytes: 4, maxFiles: 2 })
  for (const line of ['aaa', 'bbb', 'ccc', 'ddd']) log.write(line)
  t.strictSame(show(), { '/l/a.log_03': 'ccc\n', '/l/a.log': 'ddd\n' })
})

t.test('FILEWRAP begins again in the same file', async t => {
  const { log, show } = build({ maxBytes: 8, wrap: true })
  for (const line of ['aaa', 'bbb', 'ccc']) log.write(line)
  t.strictSame(show(), { '/l/a.log': 'ccc\n' })
})

t.test('FILEWRAP with MAXFILES goes through that many files', async t => {
  const { log, show } = build({ maxBytes: 4, wrap: true, maxFiles: 2 })
  for (const line of ['aaa', 'bbb', 'ccc']) log.write(line)
  t.strictSame(show(), { '/l/a.log_02': 'bbb\n', '/l/a.log': 'ccc\n' })
})

t.test('SWITCHTF with a place holder makes new names', async t => {
  const { log, show, clock } = build({ template: '/l/a_%y%m.log', switchTime: 'month', maxFiles: 2 }, { '/l/a_202512.log': 'older\n', '/l/b.log': 'not ours\n' })
  log.write('january')
  clock.ms = new Date(2026, 1, 1).getTime()
  log.write('february')
  log.write('february')
  t.strictSame(show(), { '/l/b.log': 'not ours\n', '/l/a_202601.log': 'january\n', '/l/a_202602.log': 'february\nfebruary\n' })
})

t.test('SWITCHTF without one numbers the old file', async t => {
  const { log, show, clock } = build({ switchTime: 'hour' })
  log.write('one')
  clock.ms += 30 * 60_000
  log.write('two')
  t.strictSame(show(), { '/l/a.log_01': 'one\n', '/l/a.log': 'two\n' })
})

t.test('goes on in the old file when a switch fails, and tries again later', async t => {
  const { log, show, clock, faults, state } = build({ template: '/l/a_%h.log', switchTime: 'hour' })
  log.write('one')
  state.broken = true
  clock.ms += 30 * 60_000
  log.write('two')
  log.write('three')
  t.equal(faults.length, 1)
  state.broken = false
  clock.ms += 60_000
  log.write('four')
  t.strictSame(show(), { '/l/a_23.log': 'one\ntwo\nthree\n', '/l/a_00.log': 'four\n' })
})

t.test('opens the file anew after somebody has moved it', async t => {
  const { log, show, state } = build()
  log.write('one')
  log.reopen()
  log.write('two')
  t.equal(state.ended, 1, 'the old one is closed')
  t.strictSame(show(), { '/l/a.log': 'one\ntwo\n' })
  state.broken = true
  log.reopen()
  log.write('three')
  t.strictSame(show(), { '/l/a.log': 'one\ntwo\nthree\n' }, 'or goes on with the one it has')
})

t.test('closes every file', async t => {
  const { log, state } = build({ maxBytes: 4 })
  for (const line of ['aaa', 'bbb', 'ccc']) log.write(line)
  await log.end()
  t.equal(state.ended, 3)
})

t.test('refuses a name with an unknown place holder', async t => {
  t.throws(() => build({ template: '/l/%q' }), { code: 'POSTERN_ERR_ACCESS_LOG_FILE' })
})
