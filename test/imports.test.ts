import t from 'tap'
import { join } from 'node:path'
import { brokenDirections, productFiles, readImports } from '../tools/import-directions.ts'

const root = join(import.meta.dirname, '..')

t.test('imports of src and plugins run one way: cli -> gateway -> plugins -> domain rooms', async t => {
  const files = productFiles(root)
  t.ok(files.includes('src/errors.ts'), 'the files are found')
  t.strictSame(brokenDirections(readImports(root, files)), [])
})

t.test('an import against the house plan is named', async t => {
  const rows: Array<{ file: string, text: string, fault: RegExp | null }> = [
    { file: 'src/x509/name.ts', text: "import fastify from 'fastify'", fault: /knows no Fastify/ },
    { file: 'src/x509/name.ts', text: "import type { FastifyRequest } from 'fastify'", fault: /knows no Fastify/ },
    { file: 'src/x509/name.ts', text: "import createError from '@fastify/error'", fault: null },
    { file: 'src/x509/name.ts', text: "import { redirect } from '../../plugins/redirect.ts'", fault: /room must not depend on plugin/ },
    { file: 'src/x509/name.ts', text: "import { createGateway } from '../gateway/create.ts'", fault: /room must not depend on gateway/ },
    { file: 'src/pse/load.ts', text: "import type { IdentityPlan } from '../gateway/plan.ts'", fault: null },
    { file: 'src/pse/load.ts', text: "import { readFile } from 'node:fs/promises'", fault: null },
    { file: 'src/pse/read.ts', text: "import { readFile } from 'node:fs/promises'", fault: /load\.ts only/ },
    { file: 'src/pse/read.ts', text: "export { readFile } from 'node:fs/promises'", fault: /load\.ts only/ },
    { file: 'src/pse/read.ts', text: "const fs = await import('node:fs')", fault: /load\.ts only/ },
    { file: 'src/http/a.ts', text: "import { connect } from 'node:net'", fault: /opens no socket/ },
    { file: 'src/http/a.ts', text: "import { isIP } from 'node:net'", fault: null },
    { file: 'src/http/a.ts', text: "import type { Socket } from 'node:net'", fault: null },
    { file: 'src/http/a.ts', text: "import { type Socket, isIP } from 'node:net'", fault: null },
    { file: 'src/http/a.ts', text: "import tls from 'node:tls'", fault: /opens no socket/ },
    { file: 'src/tls/a.ts', text: "import tls from 'node:tls'", fault: null },
    { file: 'src/http/a.ts', text: "import * as pkijs from 'pkijs'", fault: /pkijs is known/ },
    { file: 'src/x509/a.ts', text: "import * as pkijs from 'pkijs'", fault: null },
    { file: 'plugins/redirect.ts', text: "import { dispatch } from './dispatch.ts'", fault: /no other plugin/ },
    { file: 'plugins/redirect.ts', text: "import { compose } from '../src/gateway/compose.ts'", fault: /plugin must not depend on gateway/ },
    { file: 'src/gateway/a.ts', text: "import { redirect } from '../../plugins/redirect.ts'", fault: null },
    { file: 'src/gateway/a.ts', text: "import { main } from '../cli.ts'", fault: /gateway must not depend on program/ },
    { file: 'src/cli.ts', text: "import { createGateway } from './gateway/create.ts'", fault: null },
    { file: 'src/errors.ts', text: "import { decide } from './client-cert/policy.ts'", fault: /base must not depend on room/ },
    { file: 'src/logger.ts', text: "import type { Certificate } from './x509/certificate.ts'", fault: null },
    { file: 'src/cli.ts', text: "import { mintPki } from '../test/helpers/pki.ts'", fault: /outside src and plugins/ }
  ]
  for (const { file, text, fault } of rows) {
    const dir = t.testdir(Object.fromEntries([nested(file, text)]))
    const found = brokenDirections(readImports(dir, [file]))
    if (fault === null) t.strictSame(found, [], `${file}: ${text}`)
    else t.match(found, [fault], `${file}: ${text}`)
  }
})

function nested (file: string, text: string): [string, any] {
  const [first = '', ...rest] = file.split('/')
  return [first, rest.length === 0 ? text : Object.fromEntries([nested(rest.join('/'), text)])]
}
