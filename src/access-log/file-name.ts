/**
 * Names of log files with place holders for the time: `access_%y%m%d.log`.
 */
import { errors } from '../errors.ts'
import { two } from './time.ts'

const placeHolders: Readonly<Record<string, { text: (date: Date) => string, digits: string }>> = {
  d: { text: date => two(date.getDate()), digits: '\\d{2}' },
  m: { text: date => two(date.getMonth() + 1), digits: '\\d{2}' },
  y: { text: date => String(date.getFullYear()), digits: '\\d{4}' },
  h: { text: date => two(date.getHours()), digits: '\\d{2}' },
  t: { text: date => two(date.getMinutes()), digits: '\\d{2}' },
  s: { text: date => two(date.getSeconds()), digits: '\\d{2}' },
  '%': { text: () => '%', digits: '%' }
}

/** The parts of a period after which a file is switched (SWITCHTF). */
export type SwitchTime = 'hour' | 'day' | 'month'

/**
 * @throws POSTERN_ERR_ACCESS_LOG_FILE the name has a place holder that does not exist
 */
export function checkFileName (template: string): void {
  for (const [all, letter = ''] of template.matchAll(/%(.?)/gs)) {
    if (placeHolders[letter] === undefined) throw new errors.ACCESS_LOG_FILE(template, `unknown place holder "${all}"; expected %d %m %y %h %t %s or %%`)
  }
}

/** The name of the file at a time. */
export function fileNameAt (template: string, milliseconds: number): string {
  const date = new Date(milliseconds)
  return template.replace(/%(.)/g, (_, letter: string) => placeHolders[letter]?.text(date) ?? '')
}

/** Matches the names (without directory) that a template makes, those with a number behind them too. */
export function namesOf (template: string): RegExp {
  const name = template.slice(Math.max(template.lastIndexOf('/'), template.lastIndexOf('\\')) + 1)
  const pattern = name.replace(/%(.)|[^%]+/g, (text, letter?: string) => letter === undefined ? text.replace(/[\^$.*+?()[\]{}|-]/g, '\\$&') : placeHolders[letter]?.digits ?? '')
  return new RegExp(`^${pattern}(?:_\\d+)?$`)
}

/** When the period that holds a time ends. */
export function endOfPeriod (unit: SwitchTime, milliseconds: number): number {
  const date = new Date(milliseconds)
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()]
  switch (unit) {
    case 'month': return new Date(year, month + 1, 1).getTime()
    case 'day': return new Date(year, month, day + 1).getTime()
    // an hour is an hour also where the clocks are changed
    case 'hour': return date.setMinutes(0, 0, 0) + 3_600_000
  }
}
