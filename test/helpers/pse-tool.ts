import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { errors } from '../../src/errors.ts'
import { runPseTool } from '../../src/pse-tool/main.ts'

/** What a command printed, and its exit code. */
export interface ToolRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What is different from a run without a terminal, as user `wdadm`, at this moment. */
export interface ToolCircumstances {
  /** What is typed at the terminal, in this order. */
  readonly typed?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly now?: Date
  /** Public CAs, in PEM; none unless said. */
  readonly publicRoots?: readonly string[]
}

/** The commands of `postern pse` in this process, with a SECUDIR and a current directory of their own. */
export interface PseTool {
  readonly secudir: string
  readonly cwd: string
  /** Questions that were asked at the terminal. */
  readonly questions: readonly string[]
  run (argv: readonly string[], circumstances?: ToolCircumstances): Promise<ToolRun>
  /** Runs with `--json` and gives back the object. */
  json (argv: readonly string[], circumstances?: ToolCircumstances): Promise<Record<string, any>>
  /** Writes a file into the current directory and returns its name. */
  file (name: string, content: string | Uint8Array): string
  /** Reads a file below SECUDIR. */
  read (name: string): Buffer
}

/** Makes the directories, which are removed after the test. */
export function pseTool (t: Test): PseTool {
  const cwd = mkdtempSync(join(tmpdir(), 'postern-pse-tool-'))
  t.teardown(() => { rmSync(cwd, { recursive: true }) })
  const secudir = join(cwd, 'sec')
  mkdirSync(secudir)
  const questions: string[] = []
  const tool: PseTool = {
    secudir,
    cwd,
    questions,
    run: async (argv, { typed = [], env = {}, user = 'wdadm', now, publicRoots = [] } = {}) => {
      const [out, err, answers] = [[] as string[], [] as string[], [...typed]]
      const code = await runPseTool(argv, {
        env: { SECUDIR: secudir, ...env },
        cwd,
        user,
        now: () => now ?? new Date(),
        publicRoots: () => publicRoots,
        stdout: text => { out.push(text) },
        stderr: text => { err.push(text) },
        ask: async question => {
          questions.push(question)
          const answer = answers.shift()
          if (answer === undefined) throw new errors.PSE_TOOL_NO_TERMINAL()
          return answer
        }
      })
      return { code, stdout: out.join(''), stderr: err.join('') }
    },
    json: async (argv, circumstances) => {
      const { code, stdout, stderr } = await tool.run([...argv, '--json'], circumstances)
      t.equal(stderr, '', 'programs read standard output only')
      return { code, ...JSON.parse(stdout) }
    },
    file: (name, content) => {
      writeFileSync(join(cwd, name), content, { mode: 0o600 })
      return name
    },
    read: name => readFileSync(join(secudir, name))
  }
  return tool
}
