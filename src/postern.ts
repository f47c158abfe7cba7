#!/usr/bin/env node
/**
 * The program of the package. It loads nothing before it has looked at the version of Node: an old one would end in a syntax error of some
 * module instead of a word that helps.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 23)) {
  process.stderr.write(`postern needs Node 22.23.3 or later, better 26; this is ${process.versions.node} (${process.execPath})\n`)
  process.exit(1)
}
await import('./cli.ts')

export {}
