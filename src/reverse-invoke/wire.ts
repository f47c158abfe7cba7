/**
 * The fixed words of reverse invoke on the wire. Control: one WebSocket per initiator and acceptor replica. Data: plain connections that
 * the initiator dials and upgrades; after `101` the acceptor is the HTTP/1.1 client on them and the initiator the server.
 */

/** Sub-protocol of the control channel. */
export const controlProtocol = 'reverse-invoke.v1'

/** Request target of the control channel. */
export const controlPath = '/reverse-invoke/v1/control'

/** Request target of data connections. */
export const dataPath = '/reverse-invoke/v1/data'

/** Upgrade token of data connections (draft-kazuho-ptth-ptth has the word). */
export const dataProtocol = 'PTTH/1.0'

/** Request field of a data connection with its ticket. Never part of a URL, never logged. */
export const ticketField = 'Reverse-Invoke-Ticket'

/**
 * Field of every answer of the registration port, the 101 of both kinds among them: the replica that answers. A data connection names
 * in it the replica that its ticket is from; another replica answers 421, and the ticket is still good.
 */
export const replicaField = 'Reverse-Invoke-Replica'

/**
 * Field of a CONNECT, and of the answer to it: who speaks HTTP inside the stream at this end leaves empty lines before a message out, as both
 * ends of a data connection do. Where one of the two does not say so, neither sends any inside the stream (see `TailLossProbe`).
 */
export const emptyLinesField = 'Reverse-Invoke-Empty-Lines'

/** The only value of {@link emptyLinesField}. */
export const emptyLinesIgnored = 'ignored'

/** Field of the 101 of the control channel: how many acceptor replicas there are, as a decimal number. */
export const replicasField = 'Reverse-Invoke-Replicas'
