/** Exit codes of the commands, by the code of the error; docs/reference/pse-commands.md lists them. */
const byCode: ReadonlyArray<readonly [pattern: RegExp, exitCode: number]> = [
  [/_PIN_REQUIRED$|_PIN_WRONG$|_PIN_WRONG_OR_DAMAGED$|^POSTERN_ERR_CREDV2_(?!INVALID|UNWRITABLE)|_PSE_TOOL_(PIN_|NO_TERMINAL|INTERRUPTED)|_IDENTITY_PIN_/, 2],
  [/^POSTERN_ERR_((PSE|PKCS12|PEM)_(?!TOOL_|KEY_MISMATCH)|CREDV2_INVALID|IDENTITY_(?!UNREADABLE|KEY_MISMATCH)|TRUST_INVALID)/, 3],
  [/^POSTERN_ERR_PSE_TOOL_(KEY_MISMATCH|ISSUER_MISSING|DATES|NO_KEY)$|^POSTERN_ERR_(PSE|IDENTITY)_KEY_MISMATCH$/, 4]
]

/**
 * The exit code for an error: 2 a PIN or credential that is missing or wrong, 3 a file that is damaged or of a form that is not supported,
 * 4 a certificate that does not fit, 1 everything else.
 */
export function exitCodeOf (error: unknown): number {
  const code = String((error as { code?: unknown }).code)
  return byCode.find(([pattern]) => pattern.test(code))?.[1] ?? 1
}
