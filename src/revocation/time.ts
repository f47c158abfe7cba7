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
  if (end - start !== yearDigits + 11 || der[end - 1] !== 0x5a) throw new errors.X509_DER_INVALID('a time in another form than RFC 5280 has')
  const year = number(der, start, yearDigits)
  const fullYear = yearDigits === 4 ? year : year < 50 ? 2000 + year : 1900 + year
  const month = number(der, end - 11, 2)
  const day = number(der, end - 9, 2)
  const [hour, minute, second] = [number(der, end - 7, 2), number(der, end - 5, 2), number(der, end - 3, 2)]
  // the constructor takes years below 100 for others, and moves what is out of its range
  if (fullYear < 100 || day === 0 || day > daysIn(month, fullYear) || hour > 23 || minute > 59 || second > 59) {
    throw new errors.X509_DER_INVALID('a time that does not exist')
  }
  return new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second))
}

const days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysIn (month: number, year: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : days[month - 1] ?? 0
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
