import { readFile } from 'node:fs/promises'

/** The package this file is part of, from the sources as well as from `dist`. */
async function ownPackage (): Promise<{ name: string, version: string }> {
  for (const candidate of ['../../package.json', '../../../package.json']) {
    try {
      return JSON.parse(await readFile(new URL(candidate, import.meta.url), 'utf8')) as { name: string, version: string }
    } catch {
      // the other layout
    }
  }
  return { name: 'postern', version: 'unknown' }
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
