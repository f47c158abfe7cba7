/** The codes of the findings about parameters, each with the sentence the reference pages print. A code is API: added freely, renamed never. */
import type { FindingText, Place } from '../finding-codes.ts'
import type { Finding } from '../finding.ts'

/** Every code that the check of parameters can report, with its meaning. */
export const parameterFindingCodes = {
  POSTERN_WARN_PROFILE_UNKNOWN_PARAMETER: 'A parameter is not known. It is kept and has no effect.',
  POSTERN_ERR_PROFILE_VALUE: 'A known parameter or sub-parameter has a value that it cannot have.',
  POSTERN_ERR_PROFILE_UNRESOLVED: 'The value of a parameter that counts holds a reference that could not be replaced.',
  POSTERN_ERR_PROFILE_UNKNOWN_SUB_PARAMETER: 'A sub-parameter is not known. It may restrict something, so the start stops.',
  POSTERN_ERR_PROFILE_MISSING_SUB_PARAMETER: 'A mandatory sub-parameter is missing.',
  POSTERN_ERR_PROFILE_NOT_SERVED: 'A parameter or sub-parameter restricts something and is not served. Without it, something would be open that the profile closed.',
  POSTERN_WARN_PROFILE_NOT_SERVED: 'A parameter or sub-parameter that is not served is accepted by postern/accept_unserved.',
  POSTERN_WARN_PROFILE_ACCEPT_UNUSED: 'postern/accept_unserved names something that the profile does not set, or that needs no acceptance.',
  POSTERN_INFO_PROFILE_WITHOUT_EFFECT: 'A parameter or sub-parameter is accepted and has no effect.',
  POSTERN_WARN_PROFILE_WITHOUT_EFFECT: 'A parameter or sub-parameter is accepted and has no effect, although somebody may rely on it.'
} as const

/** Makes the function that makes the findings of one table of codes. The severity follows from the code. */
export function findingsOf<Codes extends Readonly<Record<string, string>>> (codes: Codes): (code: keyof Codes & string, place: Place, text: FindingText) => Finding {
  const severities = new Map(Object.keys(codes).map(code => [code, code.startsWith('POSTERN_ERR_') ? 'error' : code.startsWith('POSTERN_WARN_') ? 'warning' : 'info'] as const))
  return (code, { file, line, parameter }, { message, expected }) =>
    ({ severity: severities.get(code) as Finding['severity'], code, file, line, parameter, message, expected: expected ?? null })
}

/** Makes a finding about a parameter. */
export const parameterFinding = findingsOf(parameterFindingCodes)

/** One of {@link parameterFindingCodes}. */
export type ParameterFindingCode = keyof typeof parameterFindingCodes
