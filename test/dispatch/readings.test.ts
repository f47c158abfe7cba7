import t from 'tap'
import { readingsOf } from '../../src/dispatch/readings.ts'

t.test('a plain path has one reading', async t => {
  for (const path of ['/', '/sap/bc/', '/a/b.c/d-e_f~g', '/sap(bD1lbg==)/x']) t.strictSame(readingsOf(path), [{ path, decoded: 0 }], path)
})

t.test('knows how servers read a path in another way', async t => {
  const rows: Array<[sent: string, alsoReadAs: string]> = [
    ['/sap%2fbc', '/sap/bc'],
    ['/sap%252fbc', '/sap/bc'],
    ['//sap/bc', '/sap/bc'],
    ['/public/../admin', '/admin'],
    ['/public/%2e%2e/admin', '/admin'],
    ['/public/%252E%252e/admin', '/admin'],
    ['/public/.%2e/admin', '/admin'],
    ['/public/..;x=1/admin', '/admin'],
    ['/public/..%3bx/admin', '/admin'],
    ['/public/;x/../../admin', '/admin'],
    ['/public/..\\admin', '/admin'],
    ['/public/..%5cadmin', '/admin'],
    ['/public//../admin', '/admin'],
    ['/public//../admin', '/public/admin'],
    ['/%61dmin', '/admin'],
    ['/public/./x', '/public/x'],
    ['/public/..', '/'],
    ['/../../admin', '/admin'],
    ['/public#/../../admin', '/public']
  ]
  for (const [sent, reading] of rows) t.ok(readingsOf(sent).some(({ path }) => path === reading), `${sent} as ${reading}`)
})

t.test('the path as sent comes first, with escapes in upper case', async t => {
  t.strictSame(readingsOf('/%c3%a4/..')[0], { path: '/%C3%A4/..', decoded: 0 })
})

t.test('a broken escape stays as it is', async t => {
  t.ok(readingsOf('/%zz/%').every(({ path }) => path === '/%zz/%'))
})
