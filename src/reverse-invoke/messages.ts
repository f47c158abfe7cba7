/** The messages of the control channel: small JSON objects, each with a schema; anything else ends the channel. */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

const EndpointText = Type.String({ minLength: 3, maxLength: 262, pattern: '^[A-Za-z0-9._:\\[\\]-]+:[0-9]{1,5}$', description: '`host:port` or `[ipv6]:port`.' })

/** 22 characters of base64url or more: 128 random bits. */
const Ticket = Type.String({ minLength: 22, maxLength: 86, pattern: '^[A-Za-z0-9_-]+$' })

/** The version of the protocol; another number is refused with `error`. */
export const protocolVersion = 1

/** Initiator to acceptor, first: who it is and what it serves. */
export const RegisterSchema = Type.Object({
  type: Type.Literal('register'),
  version: Type.Integer({ minimum: 1, maximum: 65_535 }),
  instance: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._-]+$', description: 'Stays the same while the process lives; the same certificate with the same instance replaces its registration.' }),
  endpoints: Type.Array(EndpointText, { minItems: 1, maxItems: 1024, uniqueItems: true }),
  poolSize: Type.Union([Type.Integer({ minimum: 0, maximum: 10_000 }), Type.Null()], { description: 'Idle data connections per endpoint that the initiator wants; null leaves it to the acceptor, whose own value is the upper bound.' }),
  check: Type.Optional(Type.Literal(true, { description: 'Only a look whether all of it works: everything is checked and connections are asked for, but no request is ever sent.' }))
}, { additionalProperties: false })

/** Acceptor to initiator: everything asked for is registered (all or nothing). */
export const RegisteredSchema = Type.Object({
  type: Type.Literal('registered'),
  version: Type.Literal(protocolVersion),
  replica: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._-]+$' }),
  replicas: Type.Integer({ minimum: 1, maximum: 1000 }),
  heartbeatMs: Type.Integer({ minimum: 10, maximum: 3_600_000 })
}, { additionalProperties: false })

/** Acceptor to initiator: open one data connection for each ticket. */
export const WantSchema = Type.Object({
  type: Type.Literal('want'),
  endpoint: EndpointText,
  tickets: Type.Array(Ticket, { minItems: 1, maxItems: 256 })
}, { additionalProperties: false })

/** Either way: the sender goes. From an initiator: send nothing new here. From an acceptor: register elsewhere, what runs may end. */
const DrainingSchema = Type.Object({ type: Type.Literal('draining') }, { additionalProperties: false })

/** Either way: nothing is left, the channel ends in order. */
const ByeSchema = Type.Object({ type: Type.Literal('bye') }, { additionalProperties: false })

/** Either way: why the channel ends now. `code` is one of `POSTERN_ERR_REVERSE_INVOKE_...`. */
const ErrorSchema = Type.Object({
  type: Type.Literal('error'),
  code: Type.String({ maxLength: 80, pattern: '^POSTERN_ERR_[A-Z0-9_]+$' }),
  message: Type.String({ maxLength: 500 })
}, { additionalProperties: false })

const FromInitiatorSchema = Type.Union([RegisterSchema, DrainingSchema, ByeSchema, ErrorSchema])
const FromAcceptorSchema = Type.Union([RegisteredSchema, WantSchema, DrainingSchema, ByeSchema, ErrorSchema])

export type Register = Static<typeof RegisterSchema>
export type Registered = Static<typeof RegisteredSchema>
export type Want = Static<typeof WantSchema>
export type MessageFromInitiator = Static<typeof FromInitiatorSchema>
export type MessageFromAcceptor = Static<typeof FromAcceptorSchema>

const fromInitiator = Compile(FromInitiatorSchema)
const versioned = Compile(Type.Object({ type: Type.Literal('register'), version: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) }))
const fromAcceptor = Compile(FromAcceptorSchema)

/** Reads what an initiator sent; `null` for anything that is no message of it. */
export function readMessageFromInitiator (text: string): MessageFromInitiator | null {
  return read(text, value => fromInitiator.Check(value))
}

/** Reads what an acceptor sent; `null` for anything that is no message of it. */
export function readMessageFromAcceptor (text: string): MessageFromAcceptor | null {
  return read(text, value => fromAcceptor.Check(value))
}

/** The version that a `register` names, also one whose other parts mean nothing here; `null` where there is none. */
export function readVersion (text: string): number | null {
  const message = read<{ readonly version: number }>(text, value => versioned.Check(value))
  return message === null ? null : message.version
}

/** The text of a message. */
export function writeMessage (message: MessageFromInitiator | MessageFromAcceptor): string {
  return JSON.stringify(message)
}

function read<T> (text: string, check: (value: unknown) => boolean): T | null {
  try {
    const value: unknown = JSON.parse(text)
    return check(value) ? value as T : null
  } catch {
    return null
  }
}
