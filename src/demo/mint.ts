/** `node mint.js <directory>`: the PKI of the demo in files, for a landscape of containers (compose.yaml). */
import { mintDemoPki } from './pki.ts'

await mintDemoPki(process.argv[2] ?? '.')
