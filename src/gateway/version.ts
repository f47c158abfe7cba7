import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'

/** The package this file is part of: from the sources as well as from `dist`, the nearest package.json upwards. */
async function ownPackage (): Promise<{ name: string, version: string }> {
  return JSON.parse(await readFile(findPackageJSON(import.meta.url) as string, 'utf8')) as { name: string, version: string }
}

/** The output of `-version`: one `key = value` per line, as programs that take inventory read it. */
export async function versionText (): Promise<string> {
  const { name, version } = await ownPackage()
  return Object.entries({
    program: name,
    'kernel release': version,
    node: process.versions.node,
    openssl: process.versions.openssl,
    platform: `${process.platform} ${process.arch}`
  }).map(([key, value]) => `${key} = ${value}\n`).join('')
}
