/**
 * The one table of error codes. A code is API: added freely, renamed never; callers match on `code`, not on `instanceof`.
 *
 * Messages of errors with an HTTP status are neutral, because they reach the network: no address, no distinguished name, no
 * library text. Messages of the others are for the administrator and say what was wrong, where, and what was expected.
 */
import createError from '@fastify/error'

/** Every error that Postern makes itself, by its code without the prefix `POSTERN_ERR_`. */
export const errors = {
  // --- options of plugins -------------------------------------------------------------------------------------------
  OPTIONS_INVALID: createError('POSTERN_ERR_OPTIONS_INVALID', 'options of %s: %s'),
  // --- profile ------------------------------------------------------------------------------------------------------
  // --- pse: identities, PSE, PKCS#12, PEM, cred_v2 ------------------------------------------------------------------
  // --- x509 ---------------------------------------------------------------------------------------------------------
  X509_CERTIFICATE_INVALID: createError('POSTERN_ERR_X509_CERTIFICATE_INVALID', 'not an X.509 certificate: %s'),
  X509_DER_INVALID: createError('POSTERN_ERR_X509_DER_INVALID', 'not in DER: %s'),
  X509_NAME_INVALID: createError('POSTERN_ERR_X509_NAME_INVALID', 'not a distinguished name: %s'),
  // --- tls ----------------------------------------------------------------------------------------------------------
  // --- client-cert --------------------------------------------------------------------------------------------------
  // --- http and forward ---------------------------------------------------------------------------------------------
  // --- dispatch -----------------------------------------------------------------------------------------------------
  // --- gateway ------------------------------------------------------------------------------------------------------
  GATEWAY_CONFIGURATION: createError('POSTERN_ERR_GATEWAY_CONFIGURATION', 'the configuration has errors:\n%s'),
  GATEWAY_LISTEN: createError('POSTERN_ERR_GATEWAY_LISTEN', '%s: %s %s'),
  GATEWAY_PLUGIN_NOT_FOUND: createError('POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND', 'plugin %s is neither a file nor an installed package, seen from %s'),
  GATEWAY_PLUGIN_WRITABLE: createError('POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', '%s has mode %s: group or others could change code that runs with the keys of the gateway; expected no write permission for them'),
  GATEWAY_PLUGIN_OPTIONS: createError('POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', 'options of plugin %s: %s; expected %s'),
  GATEWAY_PLUGIN_INVALID: createError('POSTERN_ERR_GATEWAY_PLUGIN_INVALID', 'plugin %s cannot be loaded: %s'),
} as const
