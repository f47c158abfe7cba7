import { stat } from 'node:fs/promises'
import { errors } from '../errors.ts'
import { readPin } from '../pse/cred-v2.ts'
import { readFile } from '../pse/load.ts'
import { listCredentials, removeCredential, writeCredential } from '../pse/write-cred-v2.ts'
import { usage, type CommandLine, type Syntax } from './command-line.ts'
import { credentialsPath, psePath, securityDirectory } from './location.ts'
import { openIdentity } from './open-identity.ts'
import { pin, pse } from './options.ts'
import { removeFile, replaceFile } from './replace-file.ts'
import type { Outcome, Tool } from './tool.ts'

/** `seclogin` */
export const syntax: Syntax = {
  name: 'seclogin',
  summary: 'Stores the PIN of a PSE in cred_v2 beside it, so that one user of this host opens the PSE without being asked.',
  options: {
    pse: { ...pse, required: false },
    pin,
    user: { letter: 'O', value: '<user>', text: 'the user who will open the PSE: the one the gateway runs as; by default the one of this process' },
    list: { letter: 'l', text: 'list the credentials' },
    delete: { letter: 'd', text: 'delete the credential of the PSE and the user' }
  }
}

/** Creates, lists or deletes credentials. */
export async function run (line: CommandLine, tool: Tool): Promise<Outcome> {
  if (line.has('list') && line.has('delete')) return usage(syntax, '-l and -d do not go together')
  const user = line.value('user') ?? tool.user
  if (user.includes('\\')) return usage(syntax, '-O: a domain belongs to Windows, whose credentials are not supported; expected the login name')
  if (line.has('list')) return await list(line, user, tool)
  if (!line.has('pse')) return usage(syntax, '-p is missing')
  const path = psePath(line, tool)
  return line.has('delete') ? await remove(path, user, tool) : await create(path, user, { line, tool })
}

async function create (path: string, user: string, { line, tool }: { line: CommandLine, tool: Tool }): Promise<Outcome> {
  // opening it proves the PIN
  const { pin, identity } = await openIdentity(path, line, tool)
  if (pin === null) throw new errors.PSE_TOOL_PIN_NONE(path)
  const file = credentialsPath(path)
  const before = await present(file)
  const bytes = writeCredential(before, { pse: path, user, pin, certificate: identity.certificate }, { file })
  await replaceFile(file, bytes, {
    mode: 0o600,
    before,
    check: written => {
      if (readPin(written, { file, pse: path, user }) !== pin) throw new errors.CREDV2_WRONG_USER(file, path, user)
    }
  })
  tool.note(`credential in ${file}`)
  if (user !== tool.user) tool.note(`${user} must be able to read ${path} and ${file}, and nobody else; they were written by ${tool.user}`)
  return { text: `${user} can open ${path}\n`, data: { file: path, credentials: file, user } }
}

async function remove (path: string, user: string, tool: Tool): Promise<Outcome> {
  const file = credentialsPath(path)
  const before = (await readFile(file)).bytes
  const left = removeCredential(before, { pse: path, user }, { file })
  if (left === null) await removeFile(file, before)
  else await replaceFile(file, left, { mode: 0o600, before, check: written => { listCredentials(written, { file, user }) } })
  tool.note(`credential deleted from ${file}`)
  return { text: '', data: { file: path, credentials: file, user } }
}

async function list (line: CommandLine, user: string, tool: Tool): Promise<Outcome> {
  const file = credentialsPath(line.has('pse') ? psePath(line, tool) : `${securityDirectory(tool)}/.`)
  tool.note(`credentials ${file}`)
  const bytes = await present(file)
  const entries = bytes === null ? [] : listCredentials(bytes, { file, user })
  const text = entries.map(({ pse, name, kind, own, owner }, i) =>
    `${i + 1}. ${pse}\n   ${'Name'.padEnd(15)} ${name}\n   ${'User'.padEnd(15)} ${own ? user : owner ?? `not ${user}`}\n   ${'Kind'.padEnd(15)} ${kind}\n`).join('')
  return { text: text === '' ? 'no credentials\n' : text, data: { credentials: file, user, entries } }
}

/** The content of the file, `null` when there is none. */
async function present (file: string): Promise<Buffer | null> {
  const exists = await stat(file).then(() => true, () => false)
  return exists ? (await readFile(file)).bytes : null
}
