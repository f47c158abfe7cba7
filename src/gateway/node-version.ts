/** The part of a process that {@link refuseOldNode} needs. */
interface Program {
  readonly versions: { readonly node: string }
  readonly execPath: string
  readonly stderr: { write (text: string): unknown }
  exit (code: number): unknown
}

/** Ends the program with 1 and a clear word on a Node before 22.23, which cannot load the rest of it. */
export function refuseOldNode ({ versions, execPath, stderr, exit }: Program): void {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 23)) return
  stderr.write(`postern needs Node 22.23.3 or later, better 26; this is ${versions.node} (${execPath})\n`)
  exit(1)
}
