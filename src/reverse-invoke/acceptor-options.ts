/** Options of the acceptor's side. */
import Type, { type Static } from 'typebox'

const count = (description: string, value: number, bounds: { minimum?: number, maximum: number }, parameter: string) =>
  Type.Integer({ description, default: value, minimum: 1, ...bounds, 'x-sap': { parameter } })

const time = (description: string, value: number, bounds: { minimum?: number, maximum: number }, parameter: string) =>
  Type.Integer({ description: `${description}, in milliseconds.`, default: value, minimum: 1, ...bounds, 'x-sap': { parameter, unit: 'ms' } })

const AllowRuleSchema = Type.Object({
  subject: Type.String({ description: 'Subject of the initiator\'s certificate, as SAP prints it; `*` stands for any characters, `?` for one.', minLength: 1, examples: ['CN=inner, OU=Gateway, O=Example, C=DE'] }),
  issuer: Type.String({ description: 'Issuer, in the same form.', minLength: 1 }),
  endpoints: Type.Array(Type.String({ minLength: 3 }), { description: 'What it may register: `host:port`, or `host:*` for all ports of a host.', minItems: 1, examples: [['app.inner:443', 'ms.inner:*']] }),
  name: Type.Optional(Type.String({ description: 'What the log calls the rule; its position in the list by default.', minLength: 1 }))
}, { additionalProperties: false })

/** Options of the plugin `reverse-invoke-acceptor` that are JSON. */
export const ReverseInvokeAcceptorOptionsSchema = Type.Object({
  acl: Type.Array(Type.String({ minLength: 1 }), {
    description: 'Who may connect: `P <host>` permits, `D <host>` denies, the first match decides, and what nothing matches is denied. A host is an address, a network, a mask (`10.18.*.*`, `10.18.1011xxxx.*`), `*`, or with TLS a host name that the certificate is for.',
    default: [],
    'x-sap': { parameter: 'wdisp/ri/acl_<xx>' }
  }),
  allow: Type.Array(AllowRuleSchema, { description: 'Which certificate may register which endpoints. Without a rule nobody registers anything.', default: [], 'x-sap': { parameter: 'postern/ri/allow_<xx>' } }),
  poolSize: count('Idle data connections that are kept ready for each registration and endpoint.', 5, { minimum: 0, maximum: 1000 }, 'wdisp/ri/pool_size'),
  maxRegistrations: count('Registrations.', 128, { maximum: 10_000 }, 'wdisp/max_servers'),
  maxEndpoints: count('Endpoints of one registration.', 32, { maximum: 1024 }, 'postern/ri/max_endpoints'),
  maxConnections: count('Data connections of one registration, idle and used ones together.', 2000, { maximum: 100_000 }, 'postern/ri/max_connections'),
  maxTickets: count('Tickets of one registration that are on their way.', 1000, { maximum: 100_000 }, 'postern/ri/max_tickets'),
  maxWaiting: count('Requests that wait for a data connection, for each registration and endpoint.', 500, { minimum: 0, maximum: 100_000 }, 'postern/ri/max_waiting'),
  maxMessageBytes: count('Length of a control message in bytes.', 16_384, { minimum: 256, maximum: 1_048_576 }, 'postern/ri/max_message_bytes'),
  maxMessagesPerSecond: count('Control messages of one initiator in a second.', 50, { maximum: 10_000 }, 'postern/ri/max_messages_per_second'),
  maxUnregistered: count('Connections to the port that are neither a registration nor a data connection yet. Each data connection is one of them for a moment, and many may come at once.', 1024, { maximum: 100_000 }, 'postern/ri/max_unregistered'),
  registerTimeoutMs: time('Time for a new connection to become one of the two', 5000, { maximum: 600_000 }, 'postern/ri/register_timeout'),
  waitTimeoutMs: time('Time that a request waits for a data connection', 2000, { maximum: 600_000 }, 'postern/ri/wait_timeout'),
  ticketLifetimeMs: time('Time in which a ticket has to be used', 10_000, { minimum: 100, maximum: 600_000 }, 'postern/ri/ticket_lifetime'),
  heartbeatMs: time('Time between two pings on a control channel. A registration whose initiator is silent for twice as long is over', 5000, { minimum: 10, maximum: 3_600_000 }, 'postern/ri/heartbeat'),
  drainTimeoutMs: time('Time for exchanges to end when the port closes', 30_000, { minimum: 0, maximum: 3_600_000 }, 'postern/shutdown_timeout'),
  replica: Type.Union([Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._-]+$' }), Type.Null()], { description: 'Name of this process among several behind one address; null for a random one at each start.', default: null, 'x-sap': { parameter: 'postern/ri/replica' } }),
  replicas: count('How many such processes there are.', 1, { maximum: 1000 }, 'postern/ri/replicas')
}, { additionalProperties: false })

/** Those options with their defaults. */
export type ReverseInvokeAcceptorSettings = Static<typeof ReverseInvokeAcceptorOptionsSchema>
