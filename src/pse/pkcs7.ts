import * as asn1js from 'asn1js'
import type { Certificate } from '../x509/certificate.ts'
import { BerReader } from './ber.ts'
import { readCertificate } from './certificates.ts'

const signedData = '1.2.840.113549.1.7.2'
/** OBJECT IDENTIFIER 1.2.840.113549.1.7 and one more number. */
const identifierStart = Buffer.from('06092a864886f70d0107', 'hex')

/**
 * The certificates of a SignedData without signatures (RFC 5652 section 5.1), the form in which Windows and CAs hand out chains.
 *
 * @param damaged makes the error of the file
 * @param ber one for all parts of a file
 */
export function readPkcs7Certificates (bytes: Uint8Array, damaged: (what: string) => Error, ber = new BerReader(damaged)): Certificate[] {
  const [contentType, content] = children(ber.read(bytes))
  if (!(contentType instanceof asn1js.ObjectIdentifier) || contentType.getValue() !== signedData) throw damaged('PKCS#7: signed data expected')
  const certificates = children(children(content)[0]).find(field => field.idBlock.tagClass === 3 && field.idBlock.tagNumber === 0)
  // what is no certificate (attribute certificates have context tags) is not asked for
  return children(certificates)
    .filter(choice => choice instanceof asn1js.Sequence)
    .map(choice => readCertificate(choice.valueBeforeDecodeView, damaged))
}

function children (value: asn1js.BaseBlock | undefined): asn1js.BaseBlock[] {
  return value instanceof asn1js.Constructed ? value.valueBlock.value : []
}

/** Whether the bytes are a ContentInfo: a SEQUENCE that starts with an identifier of PKCS#7. Its length may be of indefinite form. */
export function isPkcs7 (bytes: Uint8Array): boolean {
  const [first, length = 0] = bytes
  const contentStart = length < 0x80 ? 2 : 2 + (length & 0x7f)
  return first === 0x30 && identifierStart.equals(bytes.subarray(contentStart, contentStart + identifierStart.length))
}
