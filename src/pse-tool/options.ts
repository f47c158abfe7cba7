/** Options that several commands have. */
import type { ToolOption } from './command-line.ts'

/** `-p` */
export const pse: ToolOption = { letter: 'p', value: '<pse>', required: true, text: 'the PSE, or a PKCS#12 or PEM file; a relative name is looked up in $SECUDIR' }

/** `-x` */
export const pin: ToolOption = { letter: 'x', value: '<pin>', text: 'its PIN: @<file>, env:<variable> or the PIN itself, which others can see; without -x it is asked for' }

/** `-f` */
export const format: ToolOption = { letter: 'f', value: '<format>', text: 'pse-v2, pse-v4, pkcs12 or pem; by default what the name ends in (.p12, .pfx, .pem), else pse-v2' }

/** `-r` where it names certificates. */
export const issuers: ToolOption = { letter: 'r', value: '<file>', many: true, text: 'certificates of CAs: PEM, DER or PKCS#7, or a directory of such; may be repeated' }

/** `--replace` */
export const replace: ToolOption = { text: 'replace a file that exists' }
