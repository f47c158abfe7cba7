import { stat } from 'node:fs/promises'
import { readPin } from '../pse/cred-v2.ts'
import type { Identity } from '../pse/identity.ts'
import { readFile } from '../pse/load.ts'
import type { PseRest } from '../pse/pse-rest.ts'
import { isPinRequired, isPinWrong, readIdentityWithWarnings } from '../pse/read-identity.ts'
import type { CommandLine } from './command-line.ts'
import { credentialsPath } from './location.ts'
import { knownPin, type PinRequest } from './pin.ts'
import type { Tool } from './tool.ts'

/** An identity that was read, with what is needed to write it again. */
export interface OpenIdentity {
  readonly path: string
  /** The file as it was read. */
  readonly bytes: Buffer
  readonly identity: Identity
  /** `null` when the file has none. */
  readonly pin: string | null
  /** What a PSE holds beside the identity. */
  readonly rest: PseRest | undefined
}

/**
 * Reads an identity. The PIN is asked for only if the file has one: from its option, else from `cred_v2` beside the file, as sapgenpse does,
 * else at the terminal.
 *
 * @throws POSTERN_ERR_IDENTITY_..., PSE_..., PKCS12_..., PEM_..., CREDV2_..., PSE_TOOL_...
 */
export async function openIdentity (path: string, line: CommandLine, tool: Tool, option: PinRequest['option'] = 'pin'): Promise<OpenIdentity> {
  const { bytes } = await readFile(path)
  const open = (pin: string | null): OpenIdentity => {
    const { identity, warnings, rest } = readIdentityWithWarnings(bytes, { file: path, pin })
    for (const { message } of warnings) tool.warn(message)
    return { path, bytes, identity, pin, rest }
  }
  try {
    const opened = open(null)
    if (line.has(option)) tool.note(`${path} has no PIN; the given one is not needed`)
    return opened
  } catch (error) {
    if (!isPinRequired(error)) throw error
  }
  if (option === 'pin' && !line.has(option)) {
    const opened = await openByCredential(path, open, tool)
    if (opened !== null) return opened
  }
  return open(await knownPin(line, { option, of: path }, tool))
}

async function openByCredential (path: string, open: (pin: string) => OpenIdentity, tool: Tool): Promise<OpenIdentity | null> {
  const file = credentialsPath(path)
  if (!await stat(file).then(() => true, () => false)) return null
  try {
    return open(readPin((await readFile(file)).bytes, { file, pse: path, user: tool.user }))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!isPinWrong(error) && !code?.startsWith('POSTERN_ERR_CREDV2_')) throw error
    tool.note(message)
    return null
  }
}
