const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

let lastSecond = -1
let lastText = ''

/** Local time as `[15/Oct/2007:16:18:35 +0100]`. */
export function logTime (milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastText = format(new Date(milliseconds))
  }
  return lastText
}

function format (date: Date): string {
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const day = `${two(date.getDate())}/${months[date.getMonth()] ?? ''}/${date.getFullYear()}`
  return `[${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}]`
}

/** Two digits, with a leading zero. */
export function two (value: number): string {
  return String(value).padStart(2, '0')
}
