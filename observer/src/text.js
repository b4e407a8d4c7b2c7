// Words and numbers: how times, durations and foreign text are written. Nothing here knows the page.

// Characters that are not to be seen, or that change how others are drawn, are written out. A line break and a tab are
// kept where `lines` is set. What comes from children is never more than text, but text can lie by its looks, too.
const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g
const asCode = (found) => [...Array(found.length).keys()].map((i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
export const seen = (text, lines = false) =>
  String(text ?? '').replace(unseen, (found) => (lines && (found === '\n' || found === '\t') ? found : asCode(found)))

// Times of the API are RFC 3339 in UTC with six digits; the page counts in whole microseconds since 1970.
export const toUs = (time) => (time ? Math.floor(Date.parse(time) / 1000) * 1e6 + Number(time.slice(20, 26)) : 0)
export const fromUs = (us) => {
  const whole = Math.round(us)
  const second = Math.floor(whole / 1e6)
  return `${new Date(second * 1000).toISOString().slice(0, 20)}${String(whole - second * 1e6).padStart(6, '0')}Z`
}

const two = (n) => String(n).padStart(2, '0')
// The time of day where the reader is; the date is in `whenLong`.
export const clock = (us, digits = 3) => {
  const at = new Date(us / 1000)
  const part = digits > 0 ? `.${String(Math.floor(us % 1e6)).padStart(6, '0').slice(0, digits)}` : ''
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}${part}`
}
export const day = (us) => {
  const at = new Date(us / 1000)
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
export const whenLong = (us) => `${day(us)} ${clock(us, 6)}`
// Of a time of the API: the time of day, with the date where that is another one than `ref`'s.
export const when = (time, ref = Date.now() * 1000) => {
  if (!time) return ''
  const us = toUs(time)
  return day(us) === day(ref) ? clock(us) : `${day(us)} ${clock(us, 0)}`
}

export const duration = (ms) => {
  if (!Number.isFinite(ms)) return ''
  const size = Math.abs(ms)
  if (size < 1) return `${ms.toFixed(2)} ms`
  if (size < 100) return `${ms.toFixed(1)} ms`
  if (size < 1000) return `${Math.round(ms)} ms`
  if (size < 60e3) return `${Number((ms / 1000).toFixed(1))} s`
  const parts = (big, bigName, small, smallName) => {
    const rest = Math.floor((ms % big) / small)
    return `${Math.floor(ms / big)} ${bigName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`
  }
  if (size < 3600e3) return parts(60e3, 'min', 1000, 's')
  if (size < 86400e3) return parts(3600e3, 'h', 60e3, 'min')
  return parts(86400e3, 'd', 3600e3, 'h')
}
// `over`: of a run that is over, `now` is its end.
export const ago = (us, now, over = false) =>
  over ? (now - us < 1000 ? 'at the end' : `${duration((now - us) / 1000)} before the end`)
    : now - us < 1e6 ? 'just now' : `${duration(Math.floor((now - us) / 1e6) * 1000)} ago`
export const bytes = (kib) =>
  kib < 1024 ? `${kib} KiB` : kib < 1024 * 1024 ? `${(kib / 1024).toFixed(1)} MiB` : `${(kib / 1024 / 1024).toFixed(1)} GiB`
const grouped = new Intl.NumberFormat('en')
export const count = (n) => grouped.format(n)
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`
export const listed = (words, most = 4) => {
  if (words.length > most) return `${words.slice(0, most).join(', ')} and ${words.length - most} more`
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

// The code of an exit says little: what it wrote last may say more.
const saidLast = (cause) => {
  const line = (cause.stderr ?? []).filter((each) => each.trim()).at(-1)
  return line ? `, after “${line.trim()}”` : ''
}

// A cause in one line. Where a child tells its last cause in words (`last_cause`), those are taken instead.
export const causeLine = (cause) => {
  if (!cause) return 'not told'
  const own = (cause.frames ?? [])[0]
  switch (cause.class) {
    case 'exception':
      return `${cause.exception ?? 'an exception'}${cause.message ? `: ${cause.message}` : ''}`
    case 'signal':
      return `${cause.signal ?? `signal ${cause.code}`}${cause.address ? ` at ${cause.address}` : ''}${own ? ` in ${own}` : ''}`
    case 'exit':
      return `exit code ${cause.code ?? 0}${cause.message ? `: ${cause.message}` : saidLast(cause)}`
    default:
      return `${cause.class}${cause.message ? `: ${cause.message}` : ''}`
  }
}

export const statusWords = {
  idle: 'idle', starting: 'starting', up: 'up', restarting: 'restarting', stopping: 'stopping',
  parked: 'parked', stopped: 'stopped', ended: 'ended', gave_up: 'gave up',
}
