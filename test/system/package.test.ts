/** The package as a user gets it: packed, installed without a network, and used through its export paths. */
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { bundle } from '../helpers/landscape.ts'
import { mintPki } from '../helpers/pki.ts'
import { runToEnd } from '../helpers/processes.ts'

// the compiler runs twice
t.setTimeout(300_000)

const root = fileURLToPath(new URL('../../', import.meta.url))
const modules = join(root, 'node_modules')
const workspace = mkdtempSync(join(tmpdir(), 'postern-package-'))
t.teardown(() => { rmSync(workspace, { recursive: true }) })

const { consumer, installed } = await install()
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string, bin: Record<string, string>, exports: Record<string, { types: string } | string>, dependencies: Record<string, string> }

/** Packs a copy of the checkout, so that nobody else's build is in the way, and installs the tarball beside its dependencies. */
async function install (): Promise<{ consumer: string, installed: string }> {
  const checkout = join(workspace, 'checkout')
  for (const name of ['src', 'plugins', 'profiles', 'docs', 'tools', 'container', 'package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'tsconfig.json', 'tsconfig.build.json']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(checkout, name), { recursive: true })
  }
  symlinkSync(modules, join(checkout, 'node_modules'))
  const packed = await runToEnd('npm', ['pack', '--json', '--pack-destination', workspace], { cwd: checkout })
  if (packed.code !== 0) throw new Error(packed.stderr)
  const tarball = readdirSync(workspace).find(name => name.endsWith('.tgz')) as string
  const consumer = join(workspace, 'consumer')
  const installed = join(consumer, 'node_modules/postern')
  mkdirSync(installed, { recursive: true })
  const extracted = await runToEnd('tar', ['-xzf', join(workspace, tarball), '-C', installed, '--strip-components=1'])
  if (extracted.code !== 0) throw new Error(extracted.stderr)
  return { consumer, installed }
}

/** What `npm install` of the package puts beside it; only what it declares, each with what that needs in turn. */
function linkDependencies (): void {
  for (const name of [...Object.keys(manifest.dependencies), '@types/node', 'undici-types']) {
    const link = join(consumer, 'node_modules', name)
    mkdirSync(join(link, '..'), { recursive: true })
    symlinkSync(join(modules, name), link)
  }
}

t.before(async () => {
  linkDependencies()
  writeFileSync(join(consumer, 'package.json'), '{ "name": "consumer", "type": "module", "private": true }')
  const pki = await mintPki(t)
  const files = { 'root.pem': pki.root.certPem, 'server.pem': bundle(pki.server), 'gateway.pem': bundle(pki.gateway), 'user.pem': pki.client.certPem }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(consumer, name), text, { mode: 0o600 })
})

t.test('each plugin alone in a bare Fastify application, through its export path', async t => {
  const programs = join(root, 'test/system/consumer')
  const plugins = Object.keys(manifest.exports).filter(path => path.startsWith('./plugins/')).map(path => path.slice('./plugins/'.length))
  t.strictSame(readdirSync(programs).filter(name => name.endsWith('.mjs')), plugins.map(name => `${name}.mjs`).toSorted(), 'there is a program for each')
  for (const plugin of plugins) {
    copyFileSync(join(programs, `${plugin}.mjs`), join(consumer, `${plugin}.mjs`))
    const { code, stderr } = await runToEnd(process.execPath, [`${plugin}.mjs`], { cwd: consumer })
    t.equal(code, 0, `${plugin} ${stderr}`)
  }
})

t.test('the rooms with subpaths of their own can be imported', async t => {
  const names = Object.keys(manifest.exports).filter(path => !path.startsWith('./plugins/') && path !== './package.json').map(path => path.replace('.', 'postern'))
  const script = `for (const name of ${JSON.stringify(names)}) if (Object.keys(await import(name)).length === 0) throw new Error(name)`
  t.match(await runToEnd(process.execPath, ['--input-type=module', '-e', script], { cwd: consumer }), { code: 0, stderr: '' })
})

t.test('type declarations resolve for a program that checks its libraries, too', async t => {
  const plugins = Object.entries(manifest.exports).filter(([path]) => path !== './package.json').map(([path]) => path.replace('.', 'postern'))
  writeFileSync(join(consumer, 'program.ts'), `${plugins.map((path, index) => `import * as m${index} from '${path}'`).join('\n')}
import Fastify from 'fastify'
import { redirect, type RedirectOptions } from 'postern/plugins/redirect'
import { trustedIntermediary } from 'postern/plugins/trusted-intermediary'
import { runGateway, type RunningGateway } from 'postern'

export const all: object[] = [${plugins.map((_, index) => `m${index}`).join(', ')}]
const app = Fastify()
const options: RedirectOptions = { rules: [{ prefix: '/', to: '/x' }] }
await app.register(redirect, options)
await app.register(trustedIntermediary, {})
app.get('/', async ({ clientCertificate }) => clientCertificate?.subject)
// @ts-expect-error a rule has a prefix
await app.register(redirect, { rules: [{ to: '/x' }] })
export const started: Promise<RunningGateway> = runGateway({ profile: 'x.pfl', overrides: [], traceFile: null, traceLevel: null })
`)
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,dom', '--types', 'node', '--skipLibCheck', 'false', 'program.ts']
  const { code, stdout } = await runToEnd(process.execPath, [join(modules, 'typescript/bin/tsc'), ...options], { cwd: consumer })
  t.equal(code, 0, stdout)
})

t.test('the program of the package', async t => {
  const bin = join(installed, manifest.bin['postern'] as string)
  const version = await runToEnd(bin, ['-version'], { cwd: consumer })
  t.match(version, { code: 0, stdout: `kernel release = ${manifest.version}\n` })
  const identities = ['ssl/server_pse=server.pem', 'wdisp/ssl_cred=gateway.pem']
  const profile = join(installed, 'profiles/terminate-and-reencrypt.pfl')
  const good = await runToEnd(bin, [`pf=${profile}`, '-checkconfig', ...identities], { cwd: consumer, env: { ...process.env, SECUDIR: consumer } })
  t.match(good, { code: 0, stdout: /listener +icm\/server_port_0 +HTTPS [^]*result: no errors/ })
  const bad = await runToEnd(bin, [`pf=${profile}`, '-checkconfig'], { cwd: consumer, env: { ...process.env, SECUDIR: workspace } })
  t.match(bad, { code: 1, stdout: /SAPSSLS\.pse[^]*result: errors/ })
})

t.test('the demo of the package', async t => {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [join(installed, 'dist/src/demo/main.js'), '--once'], { cwd: consumer })
  t.equal(code, 0, stderr)
  t.match(stdout, 'All of it as expected.')
})
