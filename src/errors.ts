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
  IDENTITY_UNREADABLE: createError('POSTERN_ERR_IDENTITY_UNREADABLE', '%s cannot be read: %s'),
  IDENTITY_TOO_LARGE: createError('POSTERN_ERR_IDENTITY_TOO_LARGE', '%s has %d bytes; expected at most %d'),
  IDENTITY_FORMAT_UNKNOWN: createError('POSTERN_ERR_IDENTITY_FORMAT_UNKNOWN', '%s is neither a PSE nor PKCS#12 nor PEM: %s'),
  IDENTITY_ITERATIONS: createError('POSTERN_ERR_IDENTITY_ITERATIONS', '%s asks for %s iterations of the key derivation; expected at least 1, and at most %d in the whole file'),
  IDENTITY_PIN_SOURCE: createError('POSTERN_ERR_IDENTITY_PIN_SOURCE', '%s needs a PIN, and there is none: %s'),
  IDENTITY_NO_CERTIFICATE: createError('POSTERN_ERR_IDENTITY_NO_CERTIFICATE', '%s has a private key and no certificate'),
  IDENTITY_KEY_MISMATCH: createError('POSTERN_ERR_IDENTITY_KEY_MISMATCH', '%s: none of the certificates belongs to the private key'),
  IDENTITY_KEY_DSA: createError('POSTERN_ERR_IDENTITY_KEY_DSA', '%s has a DSA key: no cipher suite of TLS 1.2 that is still in use and none of TLS 1.3 works with it; expected RSA or EC'),
  IDENTITY_KEY_UNSUPPORTED: createError('POSTERN_ERR_IDENTITY_KEY_UNSUPPORTED', '%s has a private key that TLS cannot use: %s'),
  IDENTITY_TRUST_ONLY: createError('POSTERN_ERR_IDENTITY_TRUST_ONLY', '%s holds no private key (a verify PSE): usable for trust, not as an identity'),
  PSE_NOT_DER: createError('POSTERN_ERR_PSE_NOT_DER', '%s is not a PSE: %s, at byte %d'),
  PSE_VERSION: createError('POSTERN_ERR_PSE_VERSION', '%s is a PSE of version %s; expected 2 or 4'),
  PSE_LPS_PROTECTED: createError('POSTERN_ERR_PSE_LPS_PROTECTED', '%s is protected by LPS (version 256): it opens on its own host only; expected version 2 or 4'),
  PSE_ENCRYPTION: createError('POSTERN_ERR_PSE_ENCRYPTION', '%s: unsupported encryption %s'),
  PSE_PIN_REQUIRED: createError('POSTERN_ERR_PSE_PIN_REQUIRED', '%s is encrypted: a PIN is required'),
  PSE_PIN_WRONG: createError('POSTERN_ERR_PSE_PIN_WRONG', '%s: wrong PIN'),
  PSE_PIN_WRONG_OR_DAMAGED: createError('POSTERN_ERR_PSE_PIN_WRONG_OR_DAMAGED', '%s: wrong PIN, or the file is damaged; version 4 has no means to tell'),
  PSE_DAMAGED: createError('POSTERN_ERR_PSE_DAMAGED', '%s is damaged: %s'),
  PSE_NO_CERTIFICATE: createError('POSTERN_ERR_PSE_NO_CERTIFICATE', '%s has a private key (SKnew) and no certificate (Cert)'),
  PSE_KEY_MISMATCH: createError('POSTERN_ERR_PSE_KEY_MISMATCH', '%s: private key (SKnew) and certificate (Cert) do not belong together'),
  PSE_KEY_ENCODING: createError('POSTERN_ERR_PSE_KEY_ENCODING', '%s: unsupported key type or encoding of the private key (SKnew): %s'),
  PSE_TWO_KEY_PAIRS: createError('POSTERN_ERR_PSE_TWO_KEY_PAIRS', '%s keeps separate keys for signing and decryption (%s); expected one key pair (SKnew, Cert)'),
  CREDV2_MISSING: createError('POSTERN_ERR_CREDV2_MISSING', '%s does not exist, and %s needs a PIN; sapgenpse seclogin makes it'),
  CREDV2_INVALID: createError('POSTERN_ERR_CREDV2_INVALID', '%s is not a cred_v2 file: %s, at byte %d'),
  CREDV2_NO_RECORD: createError('POSTERN_ERR_CREDV2_NO_RECORD', '%s has no credential for %s; it has some for: %s'),
  CREDV2_WRONG_USER: createError('POSTERN_ERR_CREDV2_WRONG_USER', '%s: the credential for %s cannot be opened as user %s'),
  CREDV2_WINDOWS_ONLY: createError('POSTERN_ERR_CREDV2_WINDOWS_ONLY', '%s: the credential for %s is protected by DPAPI: it opens only on the Windows host that made it'),
  CREDV2_TPM: createError('POSTERN_ERR_CREDV2_TPM', '%s: the credential for %s is bound to a TPM, which is not supported'),
  CREDV2_MODE: createError('POSTERN_ERR_CREDV2_MODE', '%s: the credential for %s has version %s, mode %s of LPS, which is not supported'),
  CREDV2_DAMAGED: createError('POSTERN_ERR_CREDV2_DAMAGED', '%s: the credential for %s is damaged: %s'),
  PKCS12_DAMAGED: createError('POSTERN_ERR_PKCS12_DAMAGED', '%s is a damaged PKCS#12 file: %s'),
  PKCS12_ENCRYPTION: createError('POSTERN_ERR_PKCS12_ENCRYPTION', '%s: unsupported encryption %s; "openssl pkcs12 -legacy -in <file> -out <new file>.pem" converts it'),
  PKCS12_MODE: createError('POSTERN_ERR_PKCS12_MODE', '%s: unsupported protection %s; expected a PKCS#12 file that a password protects'),
  PKCS12_PIN_REQUIRED: createError('POSTERN_ERR_PKCS12_PIN_REQUIRED', '%s is encrypted: a password (PIN) is required'),
  PKCS12_PIN_WRONG: createError('POSTERN_ERR_PKCS12_PIN_WRONG', '%s: wrong password (PIN)'),
  PKCS12_SEVERAL_KEYS: createError('POSTERN_ERR_PKCS12_SEVERAL_KEYS', '%s holds %d private keys; expected one'),
  PEM_DAMAGED: createError('POSTERN_ERR_PEM_DAMAGED', '%s is a damaged PEM file: %s'),
  PEM_EMPTY: createError('POSTERN_ERR_PEM_EMPTY', '%s holds neither a private key nor a certificate; it holds: %s'),
  PEM_ENCRYPTION: createError('POSTERN_ERR_PEM_ENCRYPTION', '%s: unsupported encryption %s of the private key; "openssl pkcs8 -topk8" makes one that is read'),
  PEM_PIN_REQUIRED: createError('POSTERN_ERR_PEM_PIN_REQUIRED', '%s: the private key is encrypted: a passphrase (PIN) is required'),
  PEM_PIN_WRONG: createError('POSTERN_ERR_PEM_PIN_WRONG', '%s: wrong passphrase (PIN), or the private key is damaged; an encrypted key has no means to tell'),
  PEM_SEVERAL_KEYS: createError('POSTERN_ERR_PEM_SEVERAL_KEYS', '%s holds %d private keys; expected one'),
  TRUST_INVALID: createError('POSTERN_ERR_TRUST_INVALID', '%s holds no certificates that can be read: %s; expected PEM, DER or PKCS#7'),
  // --- x509 ---------------------------------------------------------------------------------------------------------
  X509_CERTIFICATE_INVALID: createError('POSTERN_ERR_X509_CERTIFICATE_INVALID', 'not an X.509 certificate: %s'),
  X509_DER_INVALID: createError('POSTERN_ERR_X509_DER_INVALID', 'not in DER: %s'),
  X509_NAME_INVALID: createError('POSTERN_ERR_X509_NAME_INVALID', 'not a distinguished name: %s'),
  // --- tls ----------------------------------------------------------------------------------------------------------
  TLS_IDENTITY_WITHOUT_KEY: createError('POSTERN_ERR_TLS_IDENTITY_WITHOUT_KEY', '%s has no private key with a certificate; a TLS server needs both'),
  TLS_CONTEXT: createError('POSTERN_ERR_TLS_CONTEXT', '%s cannot be used for a TLS server: %s'),
  TLS_SERVER_MISSING: createError('POSTERN_ERR_TLS_SERVER_MISSING', 'the plugin tls-termination needs a Fastify instance made with serverFactory: tlsServerFactory(...)'),
  TLS_MISDIRECTED: createError('POSTERN_ERR_TLS_MISDIRECTED', 'This host is not served on this connection.', 421),
  // --- client-cert --------------------------------------------------------------------------------------------------
  // --- http and forward ---------------------------------------------------------------------------------------------
  // --- dispatch -----------------------------------------------------------------------------------------------------
  DISPATCH_NO_SYSTEM: createError('POSTERN_ERR_DISPATCH_NO_SYSTEM', 'There is nothing at this address.', 404),
  DISPATCH_SYSTEM_STOPPED: createError('POSTERN_ERR_DISPATCH_SYSTEM_STOPPED', 'The service is not available at the moment.', 503),
  DISPATCH_TARGET: createError('POSTERN_ERR_DISPATCH_TARGET', 'The request target is not valid.', 400),
  DISPATCH_TARGET_AMBIGUOUS: createError('POSTERN_ERR_DISPATCH_TARGET_AMBIGUOUS', 'The request target can be read in more than one way.', 400),
  DISPATCH_HOST: createError('POSTERN_ERR_DISPATCH_HOST', 'The Host field is not valid.', 400),
  DISPATCH_CONFLICT: createError('POSTERN_ERR_DISPATCH_CONFLICT', '%s and %s can match the same request (%s); make their SRCSRV, SRCURL or SRCVHOST differ, or set wdisp/system_conflict_resolution to FIRST_MATCH or BEST_MATCH'),
  DISPATCH_SELECTOR: createError('POSTERN_ERR_DISPATCH_SELECTOR', '%s: %s is not usable; expected %s'),
  // --- redirect -----------------------------------------------------------------------------------------------------
  REDIRECT_HOST: createError('POSTERN_ERR_REDIRECT_HOST', 'The Host field is missing or not valid.', 400),
  REDIRECT_RULE: createError('POSTERN_ERR_REDIRECT_RULE', '%s: %s; expected %s'),
  // --- access log ---------------------------------------------------------------------------------------------------
  ACCESS_LOG_FORMAT: createError('POSTERN_ERR_ACCESS_LOG_FORMAT', 'log format "%s": unknown directive at position %s; expected one of the directives of icm/HTTP/logging_<xx>, or %% for a percent sign'),
  ACCESS_LOG_FILE: createError('POSTERN_ERR_ACCESS_LOG_FILE', 'log file %s cannot be opened: %s'),
  // --- gateway ------------------------------------------------------------------------------------------------------
  GATEWAY_CONFIGURATION: createError('POSTERN_ERR_GATEWAY_CONFIGURATION', 'the configuration has errors:\n%s'),
  GATEWAY_LISTEN: createError('POSTERN_ERR_GATEWAY_LISTEN', '%s: %s %s'),
  GATEWAY_PLUGIN_NOT_FOUND: createError('POSTERN_ERR_GATEWAY_PLUGIN_NOT_FOUND', 'plugin %s is neither a file nor an installed package, seen from %s'),
  GATEWAY_PLUGIN_WRITABLE: createError('POSTERN_ERR_GATEWAY_PLUGIN_WRITABLE', '%s has mode %s: group or others could change code that runs with the keys of the gateway; expected no write permission for them'),
  GATEWAY_PLUGIN_OPTIONS: createError('POSTERN_ERR_GATEWAY_PLUGIN_OPTIONS', 'options of plugin %s: %s; expected %s'),
  GATEWAY_PLUGIN_INVALID: createError('POSTERN_ERR_GATEWAY_PLUGIN_INVALID', 'plugin %s cannot be loaded: %s'),
} as const
