import t from 'tap'
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadRevocationLists } from '../../src/revocation/load.ts'
import { crlPem, mintCrl } from '../helpers/mint-crl.ts'
import { mintPki } from '../helpers/pki.ts'

const pki = await mintPki(t)
const [ofRoot, ofIntermediate] = [mintCrl({ issuer: pki.root }), mintCrl({ issuer: pki.intermediate })]

t.test('lists of files and of directories, each once', async t => {
  const directory = t.testdir({ many: { 'b.pem': crlPem(ofIntermediate), '.hidden': 'nothing', inner: { 'c.crl': 'not looked at' } } })
  const file = join(directory, 'a.crl')
  writeFileSync(file, ofRoot)
  symlinkSync(file, join(directory, 'many/hash.r0'))
  const lists = await loadRevocationLists([file, join(directory, 'many')])
  t.strictSame(lists.map(({ issuer }) => issuer), ['CN=Root CA, O=Example, C=DE', 'CN=Issuing CA, O=Example, C=DE'])
  t.strictSame(await loadRevocationLists([]), [])
})

t.test('what cannot be read is refused by name', async t => {
  const directory = t.testdir({ empty: {}, 'text.crl': 'text', locked: 'x', closed: {} })
  const large = join(directory, 'large')
  writeFileSync(large, '')
  truncateSync(large, 16 * 1024 * 1024 + 1)
  const rows: Array<[string, string, RegExp]> = [
    ['missing', 'POSTERN_ERR_CRL_UNREADABLE', /there is no such file/],
    ['empty', 'POSTERN_ERR_CRL_INVALID', /no files/],
    ['text.crl', 'POSTERN_ERR_CRL_INVALID', /expected DER or PEM/],
    ['large', 'POSTERN_ERR_CRL_TOO_LARGE', /16777217 bytes; expected at most 16777216/],
    ['a\0b', 'POSTERN_ERR_CRL_UNREADABLE', /ERR_INVALID_ARG_VALUE/]
  ]
  if (process.getuid?.() !== 0) {
    chmodSync(join(directory, 'locked'), 0)
    rows.push(['locked', 'POSTERN_ERR_CRL_UNREADABLE', /may not/])
  }
  for (const [name, code, message] of rows) await t.rejects(loadRevocationLists([join(directory, name)]), { code, message }, name)
})

t.test('what has no size is read no further than a file may be large', async t => {
  await t.rejects(loadRevocationLists(['/dev/zero']), { code: 'POSTERN_ERR_CRL_TOO_LARGE', message: /16777217 bytes/ })
})

t.test('the sum of all files is bounded, too', async t => {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'many'))
  // the blocks are read, the rest is skipped
  const text = Buffer.concat([Buffer.from(crlPem(ofRoot)), Buffer.alloc(16 * 1024 * 1024 - 4096, 'x\n')])
  for (let number = 0; number < 9; number++) writeFileSync(join(directory, 'many', `${number}.pem`), text)
  await t.rejects(loadRevocationLists([join(directory, 'many')]), { code: 'POSTERN_ERR_CRL_TOO_LARGE', message: /the lists up to .*8\.pem/ })
})
