/** One exchange, as the access log sees it when it has ended. */
export interface AccessRecord {
  /** When the request arrived, in milliseconds since 1970. */
  readonly startedAt: number
  readonly durationMs: number
  /** Address of the client of this connection. */
  readonly clientAddress: string
  /** Subject of the client's verified certificate, or `null`. */
  user (): string | null
  readonly method: string
  /** Request target as sent. */
  readonly target: string
  /** For instance `1.1`. */
  readonly httpVersion: string
  /** Names and values in turn. */
  readonly requestFields: readonly string[]
  /** `null` when the connection ended before an answer was begun. */
  readonly status: number | null
  /** Bytes of the answer behind its head. */
  readonly bytes: number
  /** Names and values in turn. */
  responseFields (): readonly string[]
  readonly serverHost: string
  readonly serverPort: number | null
}
