/**
 * The subpath `postern/reverse-invoke`: the table of registrations that the plugin `reverse-invoke-acceptor` fills, and the connections that the
 * plugin `forward` uses in place of its own (`pools`).
 */
export { Registrations } from './registrations.ts'
export type { Provider, ProviderSource, ProviderState } from './provider.ts'
export { ReverseInvokePools, type ReverseInvokePoolsOptions } from '../upstream/reverse-invoke-pools.ts'
