import { errors } from '../errors.ts'
import { crlTags, type DerScan } from './der-scan.ts'

/**
 * Reads the current element as a time: UTCTime or GeneralizedTime, in UTC and with seconds.
 *
 * @throws POSTERN_ERR_X509_DER_INVALID for anything else, and for a day that no month has
 * @see RFC 5280 section 4.1.2.5
 */
export function readTime ({ der, tag, start, end }: DerScan): Date {
  const yearDigits = tag === crlTags.utcTime ? 2 : 4
  const digits = end - start - 1
  if (digits !== yearDigits + 10 || der[end - 1] !== 0x5a) throw new errors.X509_DER_INVALID('a time in another form than RFC 5280 has')
  const year = number(der, start, yearDigits)
  const [month, day, hour, minute, second] = [2, 4, 6, 8, 10].map(offset => number(der, end - 13 + offset, 2)) as [number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(yearDigits === 4 ? year : year < 50 ? 2000 + year : 1900 + year, month - 1, day)
  // a field beyond its range would move the others
  if (date.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) throw new errors.X509_DER_INVALID('a time that does not exist')
  date.setUTCHours(hour, minute, second)
  return date
}

function number (der: Buffer, from: number, digits: number): number {
  let value = 0
  for (let at = from; at < from + digits; at++) {
    const digit = (der[at] as number) - 0x30
    if (digit < 0 || digit > 9) throw new errors.X509_DER_INVALID('a time with something else than digits')
    value = value * 10 + digit
  }
  return value
}
