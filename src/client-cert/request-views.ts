/**
 * Node keeps the header of a request in several views (`rawHeaders`, `headers`, `headersDistinct`) and the trailers in three more.
 * They are made from one another lazily and with counters of their own, so a field that is taken out of one stays in the others.
 */
import type { IncomingMessage } from 'node:http'
import type { ManagedFields } from './managed-fields.ts'

/**
 * Replaces the header of a request in every view.
 *
 * The names that are gone and come are all that changes: how Node joins the values of one field depends on the field, and is not
 * repeated here.
 *
 * @param kept the raw list after cleaning
 * @param added raw list of fields that come behind it; no name in it may be in `kept`
 */
export function replaceHeaders (request: IncomingMessage, kept: string[], added: readonly string[]): void {
  const { headers, headersDistinct } = request
  const names = new Set<string>()
  for (let index = 0; index < kept.length; index += 2) names.add(kept[index]!.toLowerCase())
  const joined: Record<string, string | string[] | undefined> = {}
  for (const name of Object.keys(headers)) if (names.has(name)) joined[name] = headers[name]
  const distinct: Record<string, string[]> = Object.create(null)
  // requests that were injected have no such view
  for (const name of Object.keys(headersDistinct ?? {})) if (names.has(name)) distinct[name] = headersDistinct[name]!
  for (const name of ['connection', 'trailer']) if (names.has(name)) renewList(name, kept, { joined, distinct })
  assign(request, { rawHeaders: kept, joined, distinct, added })
}

/** Adds fields behind the header of a request in every view. No name in `added` may be there already. */
export function addHeaders (request: IncomingMessage, added: readonly string[]): void {
  const { headers, headersDistinct, rawHeaders } = request
  assign(request, { rawHeaders, joined: headers, distinct: headersDistinct ?? Object.create(null), added })
}

interface Views {
  readonly rawHeaders: string[]
  readonly joined: Record<string, string | string[] | undefined>
  readonly distinct: Record<string, string[] | undefined>
  readonly added: readonly string[]
}

function assign (request: IncomingMessage, { rawHeaders, joined, distinct, added }: Views): void {
  for (let index = 0; index < added.length; index += 2) {
    const name = added[index]!.toLowerCase()
    const value = added[index + 1]!
    rawHeaders.push(added[index]!, value)
    joined[name] = value
    distinct[name] = [value]
  }
  request.rawHeaders = rawHeaders
  request.headers = joined
  request.headersDistinct = distinct as NodeJS.Dict<string[]>
}

/** The fields whose values `rewriteFields` changes. */
function renewList (name: string, kept: readonly string[], { joined, distinct }: Pick<Views, 'joined' | 'distinct'>): void {
  const values = kept.filter((_, index) => index % 2 === 1 && kept[index - 1]!.toLowerCase() === name)
  joined[name] = values.join(', ')
  distinct[name] = values
}

/**
 * Keeps managed fields out of the trailers of a request, whoever sent them: they arrive after the decision, and no server has a use for
 * them there (RFC 9110 section 6.5.1, RFC 9440 section 2.4).
 *
 * Node sets `rawTrailers` when the message is complete; this takes the place of the property and of the two views made from it.
 */
export function guardTrailers (request: IncomingMessage, managed: ManagedFields): void {
  let rawTrailers: string[] = []
  Object.defineProperties(request, {
    rawTrailers: { get: () => rawTrailers, set: (list: string[]) => { rawTrailers = withoutManaged(list, managed) } },
    trailers: { get: () => Object.fromEntries(Object.entries(distinctFields(rawTrailers)).map(([name, values]) => [name, values.join(', ')])) },
    trailersDistinct: { get: () => distinctFields(rawTrailers) }
  })
}

function withoutManaged (list: readonly string[], managed: ManagedFields): string[] {
  return list.filter((_, index) => managed.identify(list[index - index % 2]!) === null)
}

function distinctFields (list: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null)
  for (let index = 0; index < list.length; index += 2) (fields[list[index]!.toLowerCase()] ??= []).push(list[index + 1]!)
  return fields
}
