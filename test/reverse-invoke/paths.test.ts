import fc from 'fast-check'
import t from 'tap'
import { compilePaths, isPathPattern, overridesTarget } from '../../src/reverse-invoke/paths.ts'

t.test('patterns', async t => {
  for (const good of ['/', '/*', '/x', '/x/', '/x/*', '/sap/bc/ui5_ui5/*', '/sap/opu/odata/A(1)/$value', '/~user/*', '/a.b/..c/*']) t.equal(isPathPattern(good), true, good)
  for (const bad of ['', 'x', '*', '/x*', '/*/x', '/x/*/y', '//x', '/x//y', '/../x', '/x/..', '/x/.', '/x?y', '/x#y', '/%41', '/x y', '/ä', '/x\\y', '/x;y']) t.equal(isPathPattern(bad), false, bad)
})

t.test('no pattern: everything', async t => {
  const check = compilePaths([])
  for (const target of ['/', '/x', '*', 'http://host/x', '/%2e%2e/x']) t.equal(check(target), true, target)
})

const check = compilePaths(['/x/*', '/exact', '/sap/bc/ping'])

t.test('what is listed', async t => {
  for (const target of ['/x/', '/x/y', '/x/y/z?q=/../%2e%2e%2f&r=\\', '/exact', '/exact?a', '/sap/bc/ping', '/x/%20', '/x/%C3%A4', '/x/y//z', '/x/...', '/x/a;b=c', '/x/%41']) t.equal(check(target), true, target)
})

t.test('what is not', async t => {
  for (const target of ['/', '/x', '/X/', '/xy', '/exact/', '/exact/y', '/exact;a', '/sap/bc/pin', '/sap/bc/pingg', '']) t.equal(check(target), false, target)
})

t.test('forms that are no path', async t => {
  for (const target of ['*', 'http://app.inner/x/y', 'HTTP://app.inner/x/', 'app.inner:443', '//app.inner/x/', '//x/y', 'x/y', '\\x\\y']) t.equal(check(target), false, target)
})

t.test('what can be read in two ways', async t => {
  const targets = [
    '/x/../admin', '/x/./y', '/x/..', '/x/.', '/x/%2e%2e/admin', '/x/%2E./admin', '/x/.%2e', '/x/..;/admin', '/x/..;a=b/admin', '/x/%2e%2e;/admin', '/x/..%3b/admin',
    '/x/%2fadmin', '/x%2fy', '/x%2Fy', '/x/%5c..%5cadmin', '/x/%5C', '/x/..\\admin', '/x\\y', '/x/y\\..\\..\\admin',
    '/x/%252e%252e/admin', '/x/%25', '/x/%2541', '/x/%', '/x/%4', '/x/%zz', '/x/%u002e%u002e/admin',
    '/x/%c0%ae%c0%ae/admin', '/x/%c0%af', '/x/%e0%80%ae', '/x/%ff', '/x/%e9',
    '/x/%00', '/x/y%00.png', '/x/%0d%0aHost:', '/x/%7f', '/x/%c2%85', '/x/a b', '/x/a\tb', '/x/\u00e4', '/x/y#z', '/x/?y#z',
    '/x/%ef%bc%8e%ef%bc%8e/admin', '/x/..%20/admin', '/x/.%20', '/x/..%c2%a0/admin', '/x/..%20%20\\admin', '/x/%e2%80%a5/admin', '/%78/y', '/%65xact', '/exac%74'
  ]
  for (const target of targets) t.equal(check(target), false, target)
})

/** How other programs may come to a path from a target. */
const readings: Array<(target: string) => string> = [
  target => new URL(target, 'http://h').pathname,
  target => decodeAll(new URL(target, 'http://h').pathname),
  target => new URL(decodeAll(target.split('?')[0]!), 'http://h').pathname,
  target => new URL(decodeAll(decodeAll(target.split('?')[0]!)).replaceAll('\\', '/').replaceAll(/;[^/]*/g, ''), 'http://h').pathname
]

function decodeAll (text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

t.test('however it is read, what is permitted stays below what is listed', async t => {
  const piece = fc.constantFrom('/', '/', 'x', 'y', '.', '..', '%2e', '%2f', '%5c', '%25', '%252e', '%3b', ';', '\\', '?', '%', '%c0%ae', '%00', 'admin', '%78', '//', '#', 'exact')
  const target = fc.array(piece, { maxLength: 10 }).chain(pieces => fc.constantFrom('/x/', '/x', '/', '').map(start => start + pieces.join('')))
  let permitted = 0
  t.doesNotThrow(() => fc.assert(fc.property(target, target => {
    if (!check(target)) return true
    permitted++
    return readings.every(read => {
      const path = read(target).replaceAll(/\/+/g, '/')
      return path === '/exact' || path === '/sap/bc/ping' || path.startsWith('/x/')
    })
  }), { numRuns: 20_000 }))
  t.ok(permitted > 100, `${permitted} of the targets were permitted`)
})

t.test('fields that a server may take in place of the target', async t => {
  for (const name of ['X-Original-URL', 'x-rewrite-url', 'X_Original_URL', 'X.REWRITE_URL']) t.equal(overridesTarget(['Host', 'a', name, '/admin']), true, name)
  t.equal(overridesTarget(['Host', 'x-original-url', 'X-Original', '/', 'X-Original-URL-2', '/']), false)
})
