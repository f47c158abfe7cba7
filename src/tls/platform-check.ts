/**
 * Tests the running Node for two defects that would make client certificates unreliable, and tells what is done about each. Everything
 * happens in memory, with certificates that are made for it and forgotten.
 *
 * - The chain of a client is lost: `getPeerX509Certificate().issuerCertificate` is empty on full handshakes too (Node 24.21.0).
 * - A client certificate crosses hosts: a session made at one host is resumed at another one, which has other CAs, and counts as verified
 *   there. A `tls.Server` with `SNICallback` or `addContext` does that (tried on Node 26.10.0 too; Node's client no longer offers a session
 *   to another host since CVE-2026-48934, but other clients do).
 */
import { errors } from '../errors.ts'
import { contextServer, crosses, identityServer, mintHosts, showsChainOf, type TlsVersion } from './platform-trials.ts'

/** What was found out about the running Node; `null` where the trial did not come to an end in time. */
export interface PlatformFacts {
  /** Whether Node shows the issuers that a client sends in a full handshake. */
  readonly showsChain: boolean | null
  /** Whether a verified certificate crosses hosts on a `tls.Server` that chooses its context by server name. */
  readonly crossesContexts: boolean | null
  /** The same in the arrangement that is used here: one server for each identity. */
  readonly crossesIdentities: boolean | null
}

/** For all trials together; they take a few dozen milliseconds. */
const timeoutMs = 5_000

/**
 * Tests the running Node.
 *
 * @returns one line for each defect: whether it is there, and what is done about it
 * @throws POSTERN_ERR_TLS_PLATFORM when a client certificate would cross hosts in spite of everything
 */
export async function checkPlatform (): Promise<string[]> {
  return describePlatform(await examinePlatform())
}

/** @throws POSTERN_ERR_TLS_PLATFORM */
export function describePlatform ({ showsChain, crossesContexts, crossesIdentities }: PlatformFacts, version = process.version): string[] {
  if (crossesIdentities === true) throw new errors.TLS_PLATFORM(version)
  const arrangement = `each identity has a TLS server and ticket keys of its own, which ${crossesIdentities === null ? 'could not be tried here' : 'was tried and holds'}`
  return [
    `Node ${version} ` + (showsChain === true
      ? 'shows the certificate chain of a client: it is taken from full handshakes, and remembered for resumed ones'
      : `${showsChain === null ? 'may lose' : 'loses'} the certificate chain of a client: it is rebuilt from the trust list, the identity and chains seen before`),
    `Node ${version} ${words(crossesContexts)} a client certificate cross hosts on resumed sessions: ${arrangement}`
  ]
}

function words (crosses: boolean | null): string {
  return crosses === null ? 'may let' : crosses ? 'lets' : 'does not let'
}

/** Makes the trials. */
export async function examinePlatform (): Promise<PlatformFacts> {
  const hosts = await mintHosts()
  const every = async (trial: (version: TlsVersion) => Promise<boolean>) => (await verdicts(trial)).every(Boolean)
  const any = async (trial: (version: TlsVersion) => Promise<boolean>) => (await verdicts(trial)).some(Boolean)
  const [showsChain, crossesContexts, crossesIdentities] = await Promise.all([
    outcome(every(async version => await showsChainOf(hosts, version))),
    outcome(any(async version => await crosses(contextServer(hosts), hosts, version))),
    outcome(any(async version => await crosses(identityServer(hosts), hosts, version)))
  ])
  return { showsChain, crossesContexts, crossesIdentities }
}

/** The verdict of a trial for each version; a session of TLS 1.2 is another thing than one of TLS 1.3. */
async function verdicts (trial: (version: TlsVersion) => Promise<boolean>): Promise<boolean[]> {
  return await Promise.all([trial('TLSv1.2'), trial('TLSv1.3')])
}

/** `null` when the trial failed or did not end in time. */
async function outcome (trial: Promise<boolean>): Promise<boolean | null> {
  const timer = Promise.withResolvers<null>()
  const timeout = setTimeout(timer.resolve, timeoutMs, null)
  try {
    return await Promise.race([trial, timer.promise])
  } catch {
    return null
  } finally {
    clearTimeout(timeout)
  }
}
