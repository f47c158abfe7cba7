/**
 * Builds and packs the package and looks at the tarball as a user gets it: what must be in, what must not, every subpath that the
 * docs name, publint, and attw for the types.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

interface Manifest {
  readonly exports: Record<string, string | Record<string, string>>
  readonly bin: Record<string, string>
}

interface Packed { readonly filename: string, readonly files: ReadonlyArray<{ readonly path: string, readonly mode: number }> }

const root = join(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** Never in a package: sources that Node refuses under node_modules, tests, tools, and anything that could be a secret. */
const UNWANTED = /^(src|plugins|test|tools|benchmarks|\.ci|\.tap|coverage)\/|(?<!\.d)\.ts$|\.(pse|pem|key|p12|pfx|crt|tgz)$|cred_v2$|^\.|Dockerfile/

const ATTW = '@arethetypeswrong/cli@0.18.5'

function pack (directory: string): { file: string, paths: string[], modes: Map<string, number> } {
  execFileSync(process.execPath, ['tools/build.ts'], { cwd: root, stdio: ['ignore', process.stderr, process.stderr] })
  const json = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], { cwd: root, encoding: 'utf8' })
  const [packed] = JSON.parse(json) as [Packed]
  return {
    file: join(directory, packed.filename),
    paths: packed.files.map(file => file.path),
    modes: new Map(packed.files.map(file => [file.path, file.mode]))
  }
}

/** Every file that package.json points at, and the files that a user looks for. */
function wantedFiles (): string[] {
  const targets = Object.values(manifest.exports ?? {}).flatMap(entry => typeof entry === 'string' ? [entry] : Object.values(entry))
  const profiles = globSync('profiles/*.pfl', { cwd: root })
  const reference = globSync('docs/reference/**/*.md', { cwd: root })
  return [...targets, ...Object.values(manifest.bin)].map(file => file.replace(/^\.\//, ''))
    .concat('README.md', 'LICENSE', 'CHANGELOG.md', 'docs/reference/errors.md', profiles, reference)
}

/** Subpaths of the package that a page or a comment imports from, and that `exports` does not have. */
function unknownSubpaths (): string[] {
  const files = globSync(['README.md', 'docs/**/*.md', 'src/**/*.ts', 'plugins/**/*.ts'], { cwd: root })
  return files.flatMap(file => {
    const named = readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\() ?['"](postern(?:\/[^'"]*)?)['"]/g)
    return [...named].map(match => match[1] ?? '').filter(name => !(name.replace(/^postern/, '.') in (manifest.exports ?? {})))
      .map(name => `${file} imports from ${name}, which package.json does not export`)
  })
}

function contentFaults ({ paths, modes }: ReturnType<typeof pack>): string[] {
  return [
    ...wantedFiles().filter(file => !paths.includes(file)).map(file => `${file} is not in the package`),
    ...paths.filter(path => UNWANTED.test(path)).map(path => `${path} must not be in the package`),
    ...Object.values(manifest.bin).map(file => file.replace(/^\.\//, '')).filter(file => ((modes.get(file) ?? 0) & 0o111) !== 0o111)
      .map(file => `${file} is not executable`),
    ...unknownSubpaths()
  ]
}

async function publintFaults (tarball: string): Promise<string[]> {
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true })
  return messages.map(message => `publint: ${formatMessage(message, pkg, { color: false })}`)
}

function attwFaults (tarball: string): string[] {
  const { status, stdout, stderr } = spawnSync('npx', ['--yes', ATTW, tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'ascii'], { encoding: 'utf8' })
  return status === 0 ? [] : [`attw:\n${stdout}${stderr}`]
}

const directory = mkdtempSync(join(tmpdir(), 'postern-pack-'))
try {
  const tarball = pack(directory)
  const faults = [
    ...contentFaults(tarball),
    ...await publintFaults(tarball.file),
    ...attwFaults(tarball.file)
  ]
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
