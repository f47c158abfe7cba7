import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
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
