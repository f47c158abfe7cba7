/** The subpath `postern/profile`: the profile language. */
export { loadProfile, loadServices } from './load.ts'
export { readProfile, type Parameter, type Profile, type ProfileContext, type ProfileSource } from './read.ts'
export { parseSubParameters, quoteSubParameter } from './sub-parameters.ts'
export type { Finding, Severity } from './finding.ts'
export { findingsToJson, findingsToText } from './report.ts'
