/** `node serve.js <directory> <port>`: the demo's back end on all addresses, with the files that `mint.ts` made for it. */
import { startBackend } from './backend.ts'
import { backendFilesIn } from './pki.ts'

const [directory = '.', port = '9443'] = process.argv.slice(2)
const backend = await startBackend(backendFilesIn(directory), { host: '0.0.0.0', port: Number(port) })
process.stdout.write(`back end: listening on port ${port}\n`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { backend.close().catch(() => { process.exitCode = 1 }) })
