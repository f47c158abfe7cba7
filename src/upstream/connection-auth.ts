/**
 * NTLM and Negotiate authenticate a connection, not a request: a connection that carried them belongs to one client for good.
 *
 * @see RFC 4559 section 4
 */

const SCHEMES = '(?:ntlm|negotiate|nego2|kerberos|credssp)'
const CREDENTIALS = new RegExp(`^\\s*${SCHEMES}(?:\\s|$)`, 'i')
const CHALLENGE = new RegExp(`(?:^|,)\\s*${SCHEMES}(?:\\s|,|$)`, 'i')

/** Tells whether a request carries credentials for its connection. `fields` is a flat list of names and values, or an object. */
export function hasConnectionCredentials (fields: unknown): boolean {
  if (!Array.isArray(fields)) return fields !== null && typeof fields === 'object' && objectHasCredentials(fields as Record<string, unknown>)
  for (let index = 0; index < fields.length; index += 2) {
    const name: unknown = fields[index]
    if (typeof name === 'string' && name.length === 13 && name.toLowerCase() === 'authorization' && CREDENTIALS.test(String(fields[index + 1]))) return true
  }
  return false
}

function objectHasCredentials (fields: Record<string, unknown>): boolean {
  for (const name in fields) {
    if (name.length === 13 && name.toLowerCase() === 'authorization' && CREDENTIALS.test(String(fields[name]))) return true
  }
  return false
}

/** Tells whether an answer asks for credentials for its connection. `fields` is undici's flat list of names and values. */
export function hasConnectionChallenge (fields: unknown): boolean {
  if (!Array.isArray(fields)) return false
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string | Buffer
    if (name.length === 16 && String(name).toLowerCase() === 'www-authenticate' && CHALLENGE.test(String(fields[index + 1]))) return true
  }
  return false
}
