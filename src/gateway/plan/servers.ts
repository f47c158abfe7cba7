/** The servers of a system, and TLS towards them. */
import { clientPse } from '../../profile/parameters/ssl.ts'
import type { ValueOf } from '../../profile/parameters/schema.ts'
import type { Setting } from '../../profile/parameters/settings.ts'
import { ignoreHostMismatch, sslAuth, sslCertHost, sslCred, sslEncrypt, type system } from '../../profile/parameters/wdisp.ts'
import type { ServerPlan } from '../plan.ts'
import type { About, PlanInput } from './input.ts'

type System = Setting<ValueOf<typeof system>>
type UpstreamTlsPlan = NonNullable<ServerPlan['tls']>

/** How listeners use the servers. */
export interface Use {
  /** Some listener ends the client's protocol, so that the gateway itself speaks TLS to https servers. */
  readonly terminates: boolean
  /** Some listener serves HTTPS. */
  readonly https: boolean
}

/** Plans servers; what is said for all systems is checked once, when it is made. */
export class Servers {
  readonly #input: PlanInput
  readonly #use: Use

  constructor (input: PlanInput, use: Use) {
    this.#input = input
    this.#use = use
    this.#reportGlobal()
  }

  /** The servers of EXTSRV, in their order, each once. */
  plan (setting: System): ServerPlan[] {
    const urls = [...new Map((setting.value.EXTSRV ?? []).map(url => [url.origin, url])).values()]
    this.#checkEncryption(setting, urls)
    if (!urls.some(isTls)) this.#reportNeedlessTls(setting)
    return urls.map(url => this.#server(setting, url))
  }

  /** TLS towards servers that belong to no system. */
  auxiliaryTls (file: string | null, about: About): UpstreamTlsPlan | null {
    const { settings } = this.#input
    const asked = file !== null || [clientPse, sslAuth, sslCred].some(schema => settings.find(schema) !== null)
    if (!asked) return null
    const identity = this.#identity(file, about)
    return identity === null ? null : { ...identity, serverName: null, ignoreHostMismatch: false }
  }

  #server (setting: System, url: URL): ServerPlan {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port) || (isTls(url) ? 443 : 80)
    return { origin: `${url.protocol}//${url.hostname}:${port}`, host, port, tls: isTls(url) && this.#use.terminates ? this.#tls(setting) : null }
  }

  #tls (setting: System): UpstreamTlsPlan | null {
    const { settings } = this.#input
    const { SSL_CLIENT_PSE, SSL_CERTHOST, SSL_IGNORE_HOST_MISMATCH } = setting.value
    const identity = this.#identity(SSL_CLIENT_PSE, setting)
    return identity === null
      ? null
      : { ...identity, serverName: SSL_CERTHOST ?? settings.get(sslCertHost), ignoreHostMismatch: SSL_IGNORE_HOST_MISMATCH ?? settings.get(ignoreHostMismatch) }
  }

  /** The identity towards a back end: that of the system, else what ssl_auth says. `null` (and an error) where that is incomplete. */
  #identity (file: string | null, about: About): Pick<UpstreamTlsPlan, 'identity' | 'presentCertificate'> | null {
    const { settings, identities, findings } = this.#input
    if (file !== null) return { identity: identities.use(file, about), presentCertificate: true }
    const cred = settings.find(sslCred)
    const auth = this.#auth()
    if (auth !== 2) return { identity: identities.use(settings.get(clientPse), settings.find(clientPse) ?? about), presentCertificate: auth === 1 }
    if (cred !== null) return { identity: identities.use(cred.value, cred), presentCertificate: true }
    findings.report('POSTERN_ERR_PLAN_SSL_AUTH', about, { message: `${sslAuth.name} = 2 asks for the identity of ${sslCred.name}, which is not set`, expected: `${sslCred.name} = <file>, or SSL_CLIENT_PSE= at the system` })
    return null
  }

  /** `ssl_cred` without `ssl_auth` was meant to be used; without either no certificate is sent. */
  #auth (): number {
    const { settings } = this.#input
    return settings.get(sslAuth) ?? (settings.find(sslCred) === null ? 0 : 2)
  }

  #reportGlobal (): void {
    const { settings, findings } = this.#input
    const cred = settings.find(sslCred)
    if (cred !== null && this.#auth() !== 2) {
      findings.report('POSTERN_WARN_PLAN_SSL_AUTH', cred, { message: `it is not used, because ${sslAuth.name} is ${this.#auth()}`, expected: `${sslAuth.name} = 2` })
    }
    const mismatch = settings.find(ignoreHostMismatch)
    if (mismatch?.value === true) this.#reportMismatch(mismatch)
  }

  #reportMismatch (about: About, key?: string): void {
    this.#input.findings.report('POSTERN_WARN_PLAN_HOST_MISMATCH', about, {
      ...key !== undefined && { key },
      message: 'names in certificates of back ends are not compared: every holder of a certificate from a trusted CA can pose as the back end',
      expected: `FALSE, and ${sslCertHost.name} or SSL_CERTHOST where the certificates carry another name`
    })
  }

  /** The scheme decides. What the system itself says against it is an error, what is said for all systems a warning. */
  #checkEncryption (setting: System, urls: readonly URL[]): void {
    const { settings, findings } = this.#input
    const own = setting.value.SSL_ENCRYPT
    const general = settings.find(sslEncrypt)
    const level = own ?? general?.value ?? null
    const url = level === null ? undefined : urls.find(url => this.#contradicts(level, url))
    if (url === undefined) return
    const server = `the server ${url.origin} is reached ${isTls(url) ? 'with' : 'without'} TLS, because its scheme decides`
    if (own !== null) findings.report('POSTERN_ERR_PLAN_ENCRYPTION', setting, { key: 'SSL_ENCRYPT', message: `SSL_ENCRYPT=${own} contradicts EXTSRV: ${server}`, expected: 'the scheme that SSL_ENCRYPT asks for' })
    else findings.report('POSTERN_WARN_PLAN_ENCRYPTION', setting, { key: 'EXTSRV', message: `${server}, although ${sslEncrypt.name} is ${level}`, expected: 'the scheme that it asks for, or SSL_ENCRYPT= at the system' })
  }

  /** With 1, TLS is asked for as soon as a client can come by HTTPS; more TLS than asked for contradicts nothing. */
  #contradicts (level: number, url: URL): boolean {
    return isTls(url) ? level === 0 : level === 2 || (level === 1 && this.#use.https)
  }

  #reportNeedlessTls (setting: System): void {
    for (const key of ['SSL_CLIENT_PSE', 'SSL_CERTHOST', 'SSL_IGNORE_HOST_MISMATCH'] as const) {
      if (setting.value[key] === null || setting.value.EXTSRV === null) continue
      this.#input.findings.report('POSTERN_WARN_PLAN_PLAIN_SERVER', setting, { key, message: `the system has no https server; ${key} has no effect` })
    }
  }

  /** Reports a relaxation that the system itself asks for. */
  checkMismatch (setting: System): void {
    if (setting.value.SSL_IGNORE_HOST_MISMATCH === true) this.#reportMismatch(setting, 'SSL_IGNORE_HOST_MISMATCH')
  }
}

function isTls ({ protocol }: URL): boolean {
  return protocol === 'https:'
}
