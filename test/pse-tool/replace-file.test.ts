import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { removeFile, replaceFile } from '../../src/pse-tool/replace-file.ts'

const accept = (): void => {}
const bytes = Buffer.from('new')

t.test('a new file has the mode that was asked for, whatever the umask', async t => {
  const dir = t.testdir()
  const before = process.umask(0o077)
  t.teardown(() => { process.umask(before) })
  await replaceFile(join(dir, 'a'), bytes, { mode: 0o644, check: accept })
  t.equal(statSync(join(dir, 'a')).mode & 0o777, 0o644)
  await replaceFile(join(dir, 'b'), bytes, { mode: 0o600, create: true, check: accept })
  t.equal(statSync(join(dir, 'b')).mode & 0o777, 0o600)
  t.strictSame(readdirSync(dir), ['a', 'b'])
})

t.test('a file is replaced, is closed to others then, and nothing else is left', async t => {
  const dir = t.testdir({ a: 'old', 'a.bak': 'mine' })
  chmodSync(join(dir, 'a'), 0o644)
  let checked = 0
  await replaceFile(join(dir, 'a'), bytes, {
    mode: 0o600,
    check: read => {
      checked++
      t.strictSame(read, bytes)
    }
  })
  t.equal(checked, 2, 'before it takes the name, and after')
  t.equal(readFileSync(join(dir, 'a'), 'utf8'), 'new')
  t.equal(statSync(join(dir, 'a')).mode & 0o777, 0o600)
  t.strictSame(readdirSync(dir), ['a', 'a.bak'])
  t.equal(readFileSync(join(dir, 'a.bak'), 'utf8'), 'mine')
})

t.test('a new file that does not pass its check never takes the name, and one that fails later gives it back', async t => {
  for (const failing of [1, 2]) {
    const dir = t.testdir({ a: 'old' })
    let checks = 0
    await t.rejects(replaceFile(join(dir, 'a'), bytes, {
      mode: 0o600,
      check: () => {
        // the old content is there in full, under its own name or as the backup
        t.ok(readdirSync(dir).some(name => readFileSync(join(dir, name), 'utf8') === 'old'))
        if (++checks === failing) throw new TypeError('not what was written')
      }
    }), { code: 'POSTERN_ERR_PSE_TOOL_READ_BACK', message: /a: .*not what was written/ })
    t.equal(readFileSync(join(dir, 'a'), 'utf8'), 'old')
    t.strictSame(readdirSync(dir), ['a'])
  }
})

t.test('create refuses what is there, also when it came in the meantime', async t => {
  const dir = t.testdir({ a: 'old' })
  await t.rejects(replaceFile(join(dir, 'a'), bytes, { mode: 0o600, create: true, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_EXISTS' })
  await t.rejects(replaceFile(join(dir, 'b'), bytes, { mode: 0o600, create: true, check: () => { writeFileSync(join(dir, 'b'), 'of another') } }), { code: 'POSTERN_ERR_PSE_TOOL_EXISTS' })
  t.equal(readFileSync(join(dir, 'a'), 'utf8'), 'old')
  t.equal(readFileSync(join(dir, 'b'), 'utf8'), 'of another')
  t.strictSame(readdirSync(dir), ['a', 'b'])
})

t.test('a link stays, and the file it points at is replaced', async t => {
  const dir = t.testdir({ real: { a: 'old' } })
  symlinkSync('real/a', join(dir, 'link'))
  await replaceFile(join(dir, 'link'), bytes, { mode: 0o600, check: accept })
  t.equal(readlinkSync(join(dir, 'link')), 'real/a')
  t.equal(readFileSync(join(dir, 'real/a'), 'utf8'), 'new')
  t.ok(lstatSync(join(dir, 'real/a')).isFile())
})

t.test('a link to nothing is refused', async t => {
  const dir = t.testdir()
  symlinkSync('nowhere', join(dir, 'link'))
  await t.rejects(replaceFile(join(dir, 'link'), bytes, { mode: 0o600, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_LINK' })
  t.notOk(existsSync(join(dir, 'nowhere')))
})

t.test('what cannot be written has a reason', async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'directory'))
  await t.rejects(replaceFile(join(dir, 'missing/a'), bytes, { mode: 0o600, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_WRITE', message: /there is no such directory/ })
  await t.rejects(replaceFile(join(dir, 'directory'), bytes, { mode: 0o600, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_WRITE', message: /it is no file/ })
  await t.rejects(replaceFile(join(dir, 'a'.repeat(300)), bytes, { mode: 0o600, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_WRITE', message: /ENAMETOOLONG/ })
})

t.test('the new file belongs to the owner of the old one', { skip: process.getuid?.() === 0 ? false : 'only root can make a file of somebody else' }, async t => {
  const { chownSync } = await import('node:fs')
  const dir = t.testdir({ a: 'old' })
  chownSync(join(dir, 'a'), 12345, 12346)
  await replaceFile(join(dir, 'a'), bytes, { mode: 0o600, check: accept })
  t.match(statSync(join(dir, 'a')), { uid: 12345, gid: 12346 })
})

t.test('a file is removed, and one that is not there is a fault', async t => {
  const dir = t.testdir({ a: 'old' })
  await removeFile(join(dir, 'a'))
  t.strictSame(readdirSync(dir), [])
  await t.rejects(removeFile(join(dir, 'a')), { code: 'POSTERN_ERR_PSE_TOOL_WRITE' })
})

t.test('what somebody else has written in the meantime stays', async t => {
  const old = Buffer.from('old')
  const rows: Array<[what: string, files: Record<string, string>, before: Buffer | null]> = [
    ['another content', { a: 'of another' }, old],
    ['a file where there was none', { a: 'of another' }, null],
    ['no file where there was one', {}, old]
  ]
  for (const [what, files, before] of rows) {
    const dir = t.testdir(files)
    await t.rejects(replaceFile(join(dir, 'a'), bytes, { mode: 0o600, before, check: accept }), { code: 'POSTERN_ERR_PSE_TOOL_CHANGED' }, what)
    t.strictSame(contentOf(dir), files)
  }
  const dir = t.testdir({ a: 'old' })
  await replaceFile(join(dir, 'a'), bytes, { mode: 0o600, before: old, check: accept })
  await replaceFile(join(dir, 'b'), bytes, { mode: 0o600, before: null, check: accept })
  t.strictSame(contentOf(dir), { a: 'new', b: 'new' })
  const appeared = replaceFile(join(dir, 'c'), bytes, { mode: 0o600, before: null, check: () => { writeFileSync(join(dir, 'c'), 'of another') } })
  await t.rejects(appeared, { code: 'POSTERN_ERR_PSE_TOOL_CHANGED' }, 'it came while the new one was written')
  await t.rejects(removeFile(join(dir, 'a'), old), { code: 'POSTERN_ERR_PSE_TOOL_CHANGED' })
  await removeFile(join(dir, 'a'), bytes)
  t.strictSame(contentOf(dir), { b: 'new', c: 'of another' })
})

t.test('while another command writes, nothing is written', async t => {
  const dir = t.testdir({ a: 'old', '.c.lock': '' })
  // the process of this number always runs; what is no number says nothing
  symlinkSync('1', join(dir, '.a.lock'))
  symlinkSync('somebody', join(dir, '.b.lock'))
  const busy = { code: 'POSTERN_ERR_PSE_TOOL_BUSY', message: /\.[abc]\.lock/ }
  for (const name of ['a', 'b', 'c']) await t.rejects(replaceFile(join(dir, name), bytes, { mode: 0o600, check: accept }), busy)
  await t.rejects(removeFile(join(dir, 'a')), busy)
  t.strictSame(readdirSync(dir), ['.a.lock', '.b.lock', '.c.lock', 'a'])
  t.equal(readFileSync(join(dir, 'a'), 'utf8'), 'old')
})

t.test('the lock of a command that was killed is removed', async t => {
  const dir = t.testdir()
  const { pid } = spawnSync(process.execPath, ['--version'])
  // the second one is of a container before this one
  for (const [name, number] of [['a', pid], ['b', process.pid]] as const) {
    symlinkSync(String(number), join(dir, `.${name}.lock`))
    await replaceFile(join(dir, name), bytes, { mode: 0o600, check: accept })
  }
  t.strictSame(contentOf(dir), { a: 'new', b: 'new' })
})

t.test('of many who change the same content one gets through', async t => {
  const dir = t.testdir({ a: 'old' })
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, async (_, i) => await replaceFile(join(dir, 'a'), Buffer.from(`new ${i}`), { mode: 0o600, before: Buffer.from('old'), check: accept })))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') t.match(outcome.reason, { code: /_(BUSY|CHANGED)$/ })
  t.strictSame(contentOf(dir), { a: `new ${outcomes.findIndex(({ status }) => status === 'fulfilled')}` })
})

t.test('no backup stays when the new file could not take the name', async t => {
  const dir = t.testdir({ a: 'old' })
  const vanishes = replaceFile(join(dir, 'a'), bytes, { mode: 0o600, check: () => { for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) rmSync(join(dir, name)) } })
  await t.rejects(vanishes, { code: 'POSTERN_ERR_PSE_TOOL_WRITE' })
  t.strictSame(contentOf(dir), { a: 'old' })
})

t.test('a file that is removed through a link is gone, and the link as well', async t => {
  const dir = t.testdir({ real: { a: 'old' } })
  symlinkSync('real/a', join(dir, 'link'))
  await removeFile(join(dir, 'link'))
  t.strictSame(readdirSync(dir), ['real'])
  t.strictSame(readdirSync(join(dir, 'real')), [])
})

function contentOf (dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map(name => [name, readFileSync(join(dir, name), 'utf8')]))
}
