/** TLS of the listeners: `icm/ssl_config_<xx>`, and the parameters that count without one. */
import { sslConfig, verifyClient, type serverPort } from '../../profile/parameters/icm.ts'
import { cipherSuites, serverPse } from '../../profile/parameters/ssl.ts'
import type { ValueOf } from '../../profile/parameters/schema.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import type { CipherSettings } from '../../tls/sap-cipher-string.ts'
import type { TlsPlan, VerifyClient } from '../plan.ts'
import { cipherSettings } from './cipher-settings.ts'
import type { About, PlanInput } from './input.ts'

type Port = Setting<ValueOf<typeof serverPort>>
type Config = Setting<ValueOf<typeof sslConfig>>

const usualVersions = { ciphers: null, groups: null, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const

/** Plans the TLS of all listeners of a profile. */
export class ListenerTls {
  readonly #input: PlanInput
  readonly #configs: ReadonlyMap<string, Config>
  readonly #used = new Set<Config>()
  readonly #ciphers = new Map<string, CipherSettings | null>()

  constructor (input: PlanInput) {
    this.#input = input
    this.#configs = this.#configsByName()
  }

  /** @returns `null` for a port that does not end TLS, and where the configuration cannot be found */
  planFor (port: Port): TlsPlan | null {
    if (port.value.PROT !== 'HTTPS') {
      this.#reportNeedless(port)
      return null
    }
    if (port.value.SSLCONFIG === null) return this.#plan({ CRED: null, SNI_CREDS: null, LIFETIME: null, CIPHERS: null, VCLIENT: port.value.VCLIENT }, port)
    const config = this.#configOf(port, port.value.SSLCONFIG)
    if (config === null) return null
    this.#used.add(config)
    return this.#plan({ ...config.value, VCLIENT: this.#verifyClient(port, config) }, config)
  }

  /** The registration port of reverse invoke demands a certificate, whatever the other ports do. */
  registration (pse: string, about: About): TlsPlan {
    return { identities: [this.#input.identities.use(pse, about)], verifyClient: 2, ...this.#ciphersOf(null, about) ?? usualVersions, sessionTimeoutSeconds: null }
  }

  /** Reports configurations that no port uses. */
  finish (): void {
    for (const config of this.#input.settings.all(sslConfig)) {
      if (!this.#used.has(config)) this.#input.findings.report('POSTERN_WARN_PLAN_UNUSED_SSL_CONFIG', config, { message: 'no port uses this configuration', expected: `SSLCONFIG=${nameOf(config)} at an icm/server_port_<xx> with PROT=HTTPS` })
    }
  }

  #plan ({ CRED, SNI_CREDS, LIFETIME, CIPHERS, VCLIENT }: Pick<Config['value'], 'SNI_CREDS' | 'LIFETIME' | 'CIPHERS' | 'VCLIENT'> & { CRED: string | null }, about: About): TlsPlan {
    const { settings, identities } = this.#input
    const first = CRED === null ? identities.use(settings.get(serverPse), settings.find(serverPse) ?? about) : identities.use(CRED, about)
    const others = (SNI_CREDS ?? []).map(file => identities.use(file, about))
    const ciphers = this.#ciphersOf(CIPHERS, about)
    return {
      identities: [...new Set([first, ...others])],
      verifyClient: (VCLIENT ?? settings.get(verifyClient)) as VerifyClient,
      ...ciphers ?? usualVersions,
      sessionTimeoutSeconds: LIFETIME
    }
  }

  /** A VCLIENT of the configuration wins; one of the port alone still counts, since leaving it out could ask for less than the profile does. */
  #verifyClient (port: Port, config: Config): number | null {
    if (port.value.VCLIENT === null) return config.value.VCLIENT
    const wins = config.value.VCLIENT ?? port.value.VCLIENT
    this.#input.findings.report('POSTERN_WARN_PLAN_VERIFY_CLIENT', port, {
      key: 'VCLIENT',
      message: `VCLIENT stands beside SSLCONFIG; ${config.value.VCLIENT === null ? `${config.name} has none, so ${wins} counts` : `${config.name} wins with ${wins}`}`,
      expected: `VCLIENT in ${config.name} only`
    })
    return wins
  }

  /** Each string is read once, so that ports that share it do not repeat its findings. */
  #ciphersOf (own: string | null, about: About): CipherSettings | null {
    const { settings, findings } = this.#input
    const shared = settings.find(cipherSuites)
    if (own === null && shared === null) return null
    const source = own === null ? shared as About : about
    const known = this.#ciphers.get(source.name)
    if (known !== undefined) return known
    const read = cipherSettings(own ?? settings.get(cipherSuites) as string, source, { findings, ...own !== null && { key: 'CIPHERS' } })
    this.#ciphers.set(source.name, read)
    return read
  }

  #configsByName (): Map<string, Config> {
    const configs = new Map<string, Config>()
    for (const config of this.#input.settings.all(sslConfig)) {
      for (const name of new Set([nameOf(config), config.value.ID ?? nameOf(config)])) {
        const other = configs.get(name)
        if (other !== undefined) this.#input.findings.report('POSTERN_ERR_PLAN_SSL_CONFIG', config, { key: 'ID', message: `${other.name} has the name "${name}" too`, expected: 'a name of its own' })
        configs.set(name, config)
      }
    }
    return configs
  }

  #configOf (port: Port, name: string): Config | null {
    const config = this.#configs.get(name) ?? this.#configs.get(name.replace(/^icm\//, ''))
    if (config !== undefined) return config
    const names = [...this.#configs.keys()]
    this.#input.findings.report('POSTERN_ERR_PLAN_SSL_CONFIG', port, { key: 'SSLCONFIG', message: `there is no TLS configuration "${name}"`, expected: names.length === 0 ? 'an icm/ssl_config_<xx>' : `one of ${names.join(', ')}` })
    return null
  }

  #reportNeedless (port: Port): void {
    for (const key of ['VCLIENT', 'SSLCONFIG'] as const) {
      if (port.value[key] === null) continue
      this.#input.findings.report('POSTERN_WARN_PLAN_NO_TLS', port, { key, message: `a port with PROT=${port.value.PROT} does not end TLS; ${key} has no effect` })
    }
  }
}

function nameOf ({ name }: Config): string {
  return name.slice('icm/'.length)
}
