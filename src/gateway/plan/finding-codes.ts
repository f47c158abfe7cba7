/** The codes of the findings about the plan, each with the sentence the reference pages print. A code is API: added freely, renamed never. */
import { findingsOf } from '../../profile/parameters/finding-codes.ts'

/** Every code that making a plan can report, with its meaning. */
export const planFindingCodes = {
  // --- listeners ----------------------------------------------------------------------------------------------------
  POSTERN_ERR_PLAN_NO_LISTENER: 'No icm/server_port_<xx> is set, so there is nothing to serve.',
  POSTERN_ERR_PLAN_DUPLICATE_PORT: 'Two ports have the same number at the same address.',
  POSTERN_ERR_PLAN_SERVICE: 'The name of a service is not known on this machine.',
  POSTERN_ERR_PLAN_SSL_CONFIG: 'SSLCONFIG names an icm/ssl_config_<xx> that does not exist, or two have the same name.',
  POSTERN_WARN_PLAN_UNUSED_SSL_CONFIG: 'An icm/ssl_config_<xx> is used by no port.',
  POSTERN_WARN_PLAN_VERIFY_CLIENT: 'VCLIENT stands at a port together with SSLCONFIG.',
  POSTERN_WARN_PLAN_NO_TLS: 'A TLS setting stands at a port that does not end TLS.',
  POSTERN_ERR_PLAN_CIPHERS: 'A cipher string is malformed, excludes something that is not known, or leaves nothing.',
  POSTERN_WARN_PLAN_CIPHERS: 'A part of a cipher string has no counterpart in OpenSSL and is left out.',
  POSTERN_WARN_PLAN_OLD_TLS: 'A cipher string allows protocol versions below TLS 1.2.',
  // --- header policy ------------------------------------------------------------------------------------------------
  POSTERN_WARN_PLAN_TRUST_EVERYBODY: 'Subject and issuer are both *: everybody, or everybody with a certificate, can log on as anybody.',
  POSTERN_WARN_PLAN_TRUST_OVER_HTTP: 'SSL header fields are believed over plain HTTP.',
  POSTERN_WARN_PLAN_TRUST_TWO_KINDS: 'icm/trusted_reverse_proxy_<xx> and icm/HTTPS/trust_client_with_* are both set.',
  POSTERN_WARN_PLAN_TRUST_HALF: 'Only one of icm/HTTPS/trust_client_with_issuer and icm/HTTPS/trust_client_with_subject is set.',
  POSTERN_WARN_PLAN_TRUST_NO_CERTIFICATE: 'Predecessors are trusted by their certificate, and a port asks for none.',
  POSTERN_WARN_PLAN_CHAIN_PREFIX: 'The prefix of the chain fields ends in a digit.',
  POSTERN_ERR_PLAN_FIELD_NAME: 'An SSL header field has the name of another one, or of a field that HTTP itself uses.',
  POSTERN_WARN_PLAN_UNTRUSTED_FIELDS: 'postern/untrusted_fields differs from conninfo.',
  POSTERN_WARN_PLAN_CERTIFICATE_AS_USER: 'postern/trusted_certificate_as_user forwards certificates of trusted predecessors as users.',
  POSTERN_WARN_PLAN_GATEWAY_AS_USER: 'A client PSE is used towards a back end while the port adds no fields: the back end could take the gateway for the user.',
  // --- systems and back ends ----------------------------------------------------------------------------------------
  POSTERN_ERR_PLAN_NO_SYSTEM: 'No system is set that requests could be sent to.',
  POSTERN_ERR_PLAN_SYSTEM_SERVERS: 'A system names no servers, or names them in two ways, or one of them is malformed.',
  POSTERN_WARN_PLAN_SYSTEM_NOT_SERVED: 'The servers of a system come from a source that is not asked yet; requests for it get an error.',
  POSTERN_ERR_PLAN_SYSTEM_CONFLICT: 'Two systems are for the same requests, and wdisp/system_conflict_resolution does not say which one counts.',
  POSTERN_ERR_PLAN_ENCRYPTION: 'SSL_ENCRYPT contradicts the scheme of EXTSRV.',
  POSTERN_WARN_PLAN_ENCRYPTION: 'wdisp/ssl_encrypt contradicts the scheme of EXTSRV.',
  POSTERN_WARN_PLAN_PLAIN_SERVER: 'A TLS setting belongs to a system without https servers, or end-to-end TLS meets a server without TLS.',
  POSTERN_ERR_PLAN_SSL_AUTH: 'wdisp/ssl_auth = 2 without wdisp/ssl_cred.',
  POSTERN_WARN_PLAN_SSL_AUTH: 'wdisp/ssl_cred is not used, because wdisp/ssl_auth is not 2.',
  POSTERN_WARN_PLAN_HOST_MISMATCH: 'Names in certificates of back ends are not compared.',
  // --- reverse invoke -----------------------------------------------------------------------------------------------
  POSTERN_ERR_PLAN_RI_PORT: 'wdisp/reverse_invoke without wdisp/ri/client_serv: back ends could be reached in no way.',
  POSTERN_WARN_PLAN_RI_NOBODY: 'No wdisp/ri/acl_<xx> or no postern/ri/allow_<xx> is set: nobody may register anything.',
  POSTERN_WARN_PLAN_RI_PLAIN: 'Reverse invoke without TLS, or a rule about certificates where there are none.',
  POSTERN_WARN_PLAN_RI_UNUSED: 'A parameter of the registration port without wdisp/reverse_invoke.',
  POSTERN_WARN_PLAN_RI_UNREGISTERED: 'A server of a system is an endpoint that nobody may register.',
  POSTERN_ERR_PLAN_RI_ACL: 'A wdisp/ri/acl_<xx> has a host name, and no certificate could prove it.',
  POSTERN_ERR_PLAN_RI_TARGET: 'An endpoint of a postern/ri/client_<xx> leads nowhere: no port has its number, or its server may not be connected to.',
  POSTERN_ERR_PLAN_RI_DUPLICATE: 'An endpoint is named twice in one postern/ri/client_<xx>, or has two postern/ri/paths_<xx>.',
  POSTERN_ERR_PLAN_RI_PATHS: 'A postern/ri/paths_<xx> is for an endpoint that nobody serves, or for end-to-end TLS.',
  POSTERN_ERR_PLAN_RI_VERIFY_CLIENT: 'An endpoint without TLS leads to a port that demands a certificate.',
  // --- the rest -----------------------------------------------------------------------------------------------------
  POSTERN_ERR_PLAN_PIN: 'postern/pin_<xx> names no source of a PIN, or two.',
  POSTERN_WARN_PLAN_UNUSED_IDENTITY: 'postern/pin_<xx> or postern/trust_<xx> names an identity that nothing uses.',
  POSTERN_ERR_PLAN_CRL_POLICY: 'postern/crl_policy = soft or hard without a postern/crl_<xx>.',
  POSTERN_WARN_PLAN_CRL_UNUSED: 'A postern/crl_<xx> together with postern/crl_policy = off.',
  POSTERN_ERR_PLAN_PLUGIN_PREFIX: 'Two postern/plugin_<xx> have the same PREFIX.',
  POSTERN_ERR_PLAN_REDIRECT: 'A redirect has PORT without HOST, or changes nothing.',
  POSTERN_ERR_PLAN_LOG: 'LOGFILE or LOGFORMAT of an access log has an unknown place holder or directive.',
  POSTERN_ERR_PLAN_DRAIN_DELAY: 'postern/drain_delay leaves running exchanges no time within postern/shutdown_timeout.',
  POSTERN_WARN_PLAN_OLD_SPELLING: 'Two spellings of one parameter are set.'
} as const

/** Makes a finding about the plan. */
export const planFinding = findingsOf(planFindingCodes)

/** One of {@link planFindingCodes}. */
export type PlanFindingCode = keyof typeof planFindingCodes
