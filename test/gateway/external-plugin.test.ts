import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadExternalPlugin } from '../../src/gateway/external-plugin.ts'
import { buildDirectory } from '../helpers/gateway.ts'

const code = 'export default async app => { app.get("/", async () => "mine") }\n'

function build (t: Test, files: Readonly<Record<string, string>> = { 'plugin.js': code }) {
  const base = buildDirectory(t, files)
  return {
    base,
    file: (name: string) => join(base, name),
    load: async (name: string, optionsFile: string | null = null) => await loadExternalPlugin({ name, prefix: '/x', optionsFile, base })
  }
}

t.test('a path counts from the directory of the profile', async t => {
  const { load, base } = build(t, { 'plugin.mjs': code, 'sub/named.mjs': 'export function plugin () {}\nexport default plugin\n', 'old.cjs': 'module.exports = function old (app, options, done) { done() }\n' })
  t.type((await load('./plugin.mjs')).plugin, 'function')
  t.equal((await load('./sub/named.mjs')).plugin.name, 'plugin')
  t.equal((await load('./old.cjs')).plugin.name, 'old')
  t.type((await load(join(base, 'plugin.mjs'))).plugin, 'function')
})

t.test('a package comes from the profile\'s directory before it comes from the gateway\'s own', async t => {
  const bare = build(t, {})
  t.equal((await bare.load('@fastify/http-proxy')).plugin.name, 'fastifyHttpProxy', 'the gateway\'s own')
  const { load } = build(t, {
    'node_modules/@fastify/http-proxy/package.json': '{ "name": "@fastify/http-proxy", "main": "other.cjs" }',
    'node_modules/@fastify/http-proxy/other.cjs': 'module.exports = function other () {}\n',
    'node_modules/esm-only/package.json': '{ "name": "esm-only", "type": "module", "exports": { "import": "./index.js" } }',
    'node_modules/esm-only/index.js': 'export default function esmOnly () {}\n'
  })
  t.equal((await load('@fastify/http-proxy')).plugin.name, 'other', 'the profile\'s own')
  t.equal((await load('esm-only')).plugin.name, 'esmOnly', 'a package for import alone')
})

t.test('what came with the gateway is not looked at, what the profile brings along is', async t => {
  const { load, base } = build(t, { 'node_modules/mine/package.json': '{ "main": "index.cjs" }', 'node_modules/mine/index.cjs': 'module.exports = () => {}\n' })
  chmodSync(join(base, 'node_modules/mine'), 0o775)
  await t.rejects(load('mine'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: /mine has mode 775/ })
})

t.test('what is not there is said', async t => {
  const { load, base } = build(t)
  for (const name of ['./missing.js', 'no-such-package-anywhere', join(base, 'missing.js')]) {
    await t.rejects(load(name), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND', message: new RegExp(name.split('/').at(-1) as string) }, name)
  }
})

t.test('code that group or world may write is refused, and code in such a directory', async t => {
  for (const mode of [0o620, 0o602, 0o666]) {
    const { load, file } = build(t)
    chmodSync(file('plugin.js'), mode)
    await t.rejects(load('./plugin.js'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: new RegExp(`plugin\\.js has mode ${mode.toString(8)}`) })
  }
  const { load, base } = build(t)
  chmodSync(base, 0o770)
  await t.rejects(load('./plugin.js'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: /has mode 770/ })
  chmodSync(base, 0o1777)
  t.type((await load('./plugin.js')).plugin, 'function', 'in a sticky directory nobody replaces another\'s file')
})

t.test('the same for the options, and for what symbolic links lead to', async t => {
  const { load, file } = build(t, { 'plugin.js': code, 'options.json': '{}' })
  chmodSync(file('options.json'), 0o660)
  await t.rejects(load('./plugin.js', 'options.json'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: /options\.json/ })
  const elsewhere = build(t, { 'real/plugin.js': code })
  symlinkSync(elsewhere.file('real/plugin.js'), file('link.js'))
  t.type((await load('./link.js')).plugin, 'function')
  chmodSync(elsewhere.file('real'), 0o777)
  await t.rejects(load('./link.js'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: /real has mode 777/ }, 'the directory of the real file counts')
  chmodSync(elsewhere.file('real'), 0o700)
  mkdirSync(file('open'), { mode: 0o777 })
  chmodSync(file('open'), 0o777)
  symlinkSync(elsewhere.file('real/plugin.js'), file('open/link.js'))
  await t.rejects(load('./open/link.js'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', message: /open has mode 777/ }, 'and so does that of the link')
})

t.test('options are one JSON object', async t => {
  const { load, file } = build(t, { 'plugin.js': code, 'good.json': '{ "a": [1] }', 'array.json': '[]', 'null.json': 'null', 'broken.json': '{', 'text.json': '"a"' })
  t.strictSame((await load('./plugin.js', 'good.json')).options, { a: [1] })
  t.strictSame((await load('./plugin.js')).options, {})
  for (const name of ['array.json', 'null.json', 'broken.json', 'text.json']) {
    await t.rejects(load('./plugin.js', name), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', message: new RegExp(`${name} .*expected a JSON object`) }, name)
  }
  await t.rejects(load('./plugin.js', 'missing.json'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', message: /missing\.json does not exist/ })
  writeFileSync(file('prefix.json'), '{ "prefix": "/other" }', { mode: 0o600 })
  await t.rejects(load('./plugin.js', 'prefix.json'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', message: /"prefix" stands in the file; expected PREFIX= in the profile/ })
})

t.test('a proxy must not take upgrades past the header policy', async t => {
  for (const value of ['true', '1', '"yes"', '{}']) {
    const { load } = build(t, { 'plugin.js': code, 'options.json': `{ "websocket": ${value} }` })
    await t.rejects(load('./plugin.js', 'options.json'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', message: /websocket/ }, value)
  }
  const { load } = build(t, { 'plugin.js': code, 'options.json': '{ "websocket": false }' })
  t.strictSame((await load('./plugin.js', 'options.json')).options, { websocket: false })
})

t.test('what is no plugin is refused', async t => {
  const { load } = build(t, { 'throws.mjs': 'throw new Error("broken on purpose")\n', 'value.mjs': 'export default 7\n', 'names.mjs': 'export const a = 1\n', 'syntax.mjs': 'export default (\n' })
  await t.rejects(load('./throws.mjs'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_INVALID', message: /throws\.mjs cannot be loaded: broken on purpose/ })
  for (const name of ['value', 'names']) await t.rejects(load(`./${name}.mjs`), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_INVALID', message: /it exports no function/ })
  await t.rejects(load('./syntax.mjs'), { code: 'POSTERN_ERR_GATEWAY_PLUGIN_INVALID' })
})
