/**
 * Loads other people's Fastify plugins, as `postern/plugin_<xx>` names them.
 *
 * A plugin shares the process and its keys: whoever can change the file can act as the gateway. Files that group or world may write are
 * therefore refused, and so is a proxy's `websocket: true`, because it takes upgrades before the header policy has seen them.
 */
import { readFile, realpath, stat } from 'node:fs/promises'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { FastifyPluginCallback, FastifyPluginOptions } from 'fastify'
import { errors } from '../errors.ts'

/** What the profile says of an external plugin. */
export interface ExternalPluginOptions {
  /** npm package, or a path relative to the profile's directory. */
  readonly name: string
  /** URL path under which its routes are, without a slash at its end. */
  readonly prefix: string
  /** JSON file with its options, relative to the profile's directory. */
  readonly optionsFile: string | null
  /** The profile's directory. */
  readonly base: string
}

/** A loaded plugin and the options it is registered with. */
export interface ExternalPlugin {
  readonly plugin: FastifyPluginCallback
  readonly options: FastifyPluginOptions
}

const writableByOthers = 0o022

/**
 * @throws POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND, POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE, POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS,
 *   POSTERN_ERR_GATEWAY_PLUGIN_INVALID
 */
export async function loadExternalPlugin (external: ExternalPluginOptions): Promise<ExternalPlugin> {
  const file = resolvePlugin(external)
  // what was installed with the gateway is as safe as the gateway's own code, which nobody checks either
  if (file !== resolvedFrom(ownModule, external.name)) await refuseWritable(file, () => new errors.GATEWAY_PLUGIN_NOT_FOUND(external.name, external.base))
  const options = await readOptions(external)
  // whatever a proxy takes for "yes"
  if (options['websocket']) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(external.name, '"websocket": true would take upgrades past the header policy', 'the option left out')
  }
  if ('prefix' in options) throw new errors.GATEWAY_PLUGIN_OPTIONS(external.name, '"prefix" stands in the file', 'PREFIX= in the profile')
  const module = await importPlugin(external.name, file)
  const plugin = module['default'] ?? module
  if (typeof plugin !== 'function') throw new errors.GATEWAY_PLUGIN_INVALID(external.name, 'it exports no function')
  return { plugin: plugin as FastifyPluginCallback, options }
}

/** A path when it looks like one; else a package, looked up from the profile's directory first and from the gateway's own second. */
function resolvePlugin ({ name, base }: ExternalPluginOptions): string {
  if (isAbsolute(name) || name.startsWith('.')) return resolve(base, name)
  const file = resolvedFrom(join(base, 'package.json'), name) ?? resolvedFrom(ownModule, name)
  if (file === null) throw new errors.GATEWAY_PLUGIN_NOT_FOUND(name, base)
  return file
}

const ownModule = fileURLToPath(import.meta.url)

/** The file that a package begins with, seen from a module; `null` when there is none. */
function resolvedFrom (from: string, name: string): string | null {
  try {
    return createRequire(from).resolve(name)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? importEntry(name, from) : null
  }
}

/** The main file of a package that can be imported and not required; Node resolves those for the importing module alone. */
function importEntry (name: string, from: string): string | null {
  const file = findPackageJSON(name, pathToFileURL(from))
  const entry = file === undefined ? null : entryOf((createRequire(from)(file) as { exports?: unknown }).exports)
  return file === undefined || entry === null ? null : join(dirname(file), entry)
}

/** @see https://nodejs.org/api/packages.html#conditional-exports */
function entryOf (exports: unknown): string | null {
  if (typeof exports === 'string') return exports
  if (typeof exports !== 'object' || exports === null) return null
  for (const [key, value] of Object.entries(exports)) {
    const entry = ['.', 'node', 'import', 'module-sync', 'default'].includes(key) ? entryOf(value) : null
    if (entry !== null) return entry
  }
  return null
}

/** Looks at the file, its directory, and, where it is a link, at those of the file that it leads to. */
async function refuseWritable (file: string, missing: () => Error): Promise<void> {
  const real = await realpath(file).catch(() => { throw missing() })
  for (const path of new Set([real, dirname(real), dirname(file)])) {
    const { mode } = await stat(path)
    // a sticky directory (such as /tmp) lets nobody replace another's file
    const sticky = (mode & 0o1000) !== 0
    if ((mode & writableByOthers) !== 0 && !sticky) throw new errors.GATEWAY_PLUGIN_WRITABLE(path, (mode & 0o777).toString(8))
  }
}

async function readOptions ({ name, optionsFile, base }: ExternalPluginOptions): Promise<Record<string, unknown>> {
  if (optionsFile === null) return {}
  const file = resolve(base, optionsFile)
  await refuseWritable(file, () => new errors.GATEWAY_PLUGIN_OPTIONS(name, `${file} does not exist`, 'a JSON file, relative to the directory of the profile'))
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(name, `${file} cannot be read as JSON`, 'a JSON object')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new errors.GATEWAY_PLUGIN_OPTIONS(name, `${file} holds no object`, 'a JSON object')
  }
  return value as Record<string, unknown>
}

async function importPlugin (name: string, file: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(file).href) as Record<string, unknown>
  } catch (error) {
    throw new errors.GATEWAY_PLUGIN_INVALID(name, (error as Error).message)
  }
}
