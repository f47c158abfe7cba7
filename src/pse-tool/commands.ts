/** The commands by their names. */
import type { CommandLine, Syntax } from './command-line.ts'
import * as conversion from './convert.ts'
import * as exportOwnCert from './export-own-cert.ts'
import * as genPse from './gen-pse.ts'
import * as getMyName from './get-my-name.ts'
import * as importOwnCert from './import-own-cert.ts'
import * as importP12 from './import-p12.ts'
import * as maintainPk from './maintain-pk.ts'
import * as seclogin from './seclogin.ts'
import type { Outcome, Tool } from './tool.ts'

/** A command: what it takes, and what it does. */
export interface Command {
  readonly syntax: Syntax
  run (line: CommandLine, tool: Tool): Promise<Outcome>
}

/** In the order of a PSE's life. */
export const commands: readonly Command[] = [
  genPse,
  importOwnCert,
  exportOwnCert,
  importP12,
  { syntax: conversion.exportSyntax, run: conversion.exportP12 },
  maintainPk,
  seclogin,
  getMyName,
  { syntax: conversion.convertSyntax, run: conversion.convert }
]

/** The command of a name, `null` when there is none. */
export function commandOf (name: string): Command | null {
  return commands.find(({ syntax }) => [syntax.name, ...syntax.aliases ?? []].includes(name)) ?? null
}

/** The list of the commands. */
export function overview (): string {
  const width = Math.max(...commands.map(({ syntax }) => syntax.name.length)) + 2
  return ['usage: postern pse <command> [options]', ...commands.map(({ syntax }) => `  ${syntax.name.padEnd(width)}${syntax.summary}`),
    '', '"postern pse <command> --help" explains the options. Exit codes: 0 done, 1 arguments or files, 2 PIN or credential, 3 damaged or unsupported file,', '4 certificate that does not fit.'].join('\n')
}
