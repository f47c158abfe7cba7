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
  // --- tls ----------------------------------------------------------------------------------------------------------
  // --- client-cert --------------------------------------------------------------------------------------------------
  // --- http and forward ---------------------------------------------------------------------------------------------
  // --- dispatch -----------------------------------------------------------------------------------------------------
  // --- gateway ------------------------------------------------------------------------------------------------------
} as const
