/** The subpath `postern/x509`: certificates, names as SAP prints them, and chains. */
export { parseCertificate, type Certificate } from './certificate.ts'
export { buildChain, IssuerCache } from './chain.ts'
export { compileNamePattern, type NameDifference, type NamePattern } from './name-pattern.ts'
