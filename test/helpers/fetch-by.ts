import type { Dispatcher } from 'undici'

/** An answer as {@link fetchBy} gives it. */
export interface Fetched {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
  readonly trailers: Record<string, string>
}

/** One request by a dispatcher, with its whole answer. */
export async function fetchBy (dispatcher: Dispatcher, path: string, options: Partial<Omit<Dispatcher.RequestOptions, 'path'>> = {}): Promise<Fetched> {
  const { statusCode, headers, body, trailers } = await dispatcher.request({ origin: 'http://unused', method: 'GET', ...options, path })
  return { status: statusCode, headers, body: await body.text(), trailers: trailers as Record<string, string> }
}
