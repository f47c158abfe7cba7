/**
 * The logger of the gateway: pino, with the serializers and the redaction that keep secrets and certificates out of every line.
 */
import type { LoggerOptions } from 'pino'

/** Trace levels of SAP (`-t`, `rdisp/TRACE`) as pino levels. */
export const levelOfTrace = ['error', 'info', 'debug', 'trace'] as const

const secretFields = [
  'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'mysapsso2', 'sap-password', 'sap-r3auth',
  'ssl_client_cert', 'ssl-client-cert', 'SSL_CLIENT_CERT', 'client-cert', 'x-forwarded-client-cert'
]

/** Options for pino and for Fastify's `logger`. Header fields are in no line by default; the redaction is for plugins that log them. */
export const loggerOptions = {
  redact: {
    paths: [
      ...secretFields.flatMap(name => [`headers["${name}"]`, `*.headers["${name}"]`]),
      'pin', '*.pin', 'passphrase', '*.passphrase', 'privateKey', '*.privateKey'
    ],
    censor: '...'
  }
} satisfies LoggerOptions
