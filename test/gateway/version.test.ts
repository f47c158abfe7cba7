import { readFileSync } from 'node:fs'
import t from 'tap'
import { versionText } from '../../src/gateway/version.ts'

t.test('name and version are those of the package, the platform is the running one', async t => {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const lines = Object.fromEntries((await versionText()).trimEnd().split('\n').map(line => line.split(' = ')))
  t.strictSame(lines, {
    program: name,
    'kernel release': version,
    node: process.versions.node,
    openssl: process.versions.openssl,
    platform: `${process.platform} ${process.arch}`
  })
})
