// Small parts that several views draw.
import { useEffect, useState } from 'preact/hooks'
import { html } from './html.js'
import { beat, setMoment } from './state.js'
import { go } from './route.js'
import { clock, count, day, duration, many, seen, statusWords, toUs, whenLong } from './text.js'

// Each status has a shape of its own, so that it is told without colour, too.
const shapes = {
  up: 'M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z',
  starting: 'M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zm0 2.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7z',
  restarting: 'M8 1.5L15 14H1z',
  stopping: 'M8 14.5L1 2h14z',
  parked: 'M3 2h3.6v12H3zM9.4 2H13v12H9.4z',
  stopped: 'M2.5 2.5h11v11h-11z',
  ended: 'M2.5 2.5h11v11h-11zM5 5v6h6V5z',
  gave_up: 'M4.2 2L8 5.8L11.8 2L14 4.2L10.2 8L14 11.8L11.8 14L8 10.2L4.2 14L2 11.8L5.8 8L2 4.2z',
  idle: 'M2 6.8h12v2.4H2z',
}
export const Shape = ({ status }) => html`
  <svg class=${`shape is-${status}`} viewBox="0 0 16 16" aria-hidden="true"><path fill-rule="evenodd" d=${shapes[status] ?? shapes.idle} /></svg>`

// `fell`: it has ended by a crash, and nobody starts it again.
export const Status = ({ status, due, was = false, fell = false }) => html`
  <span class=${`status is-${status}${fell ? ' is-fallen' : ''}`}>
    <${Shape} status=${status} /><span>${was ? 'was ' : ''}${statusWords[status] ?? seen(status)}${fell ? ' by a crash' : ''}</span>
    ${due && html` <${Countdown} due=${due} />`}
  </span>`

// How long until a back-off or a parking is over.
export const Countdown = ({ due }) => {
  const [, setTurn] = useState(0)
  const soon = toUs(due) / 1000 - Date.now() < 12e3
  useEffect(() => {
    if (!soon) return
    const ticking = setInterval(() => setTurn((n) => n + 1), 200)
    return () => clearInterval(ticking)
  }, [soon, due])
  const left = toUs(due) / 1000 - Math.max(beat.value, Date.now())
  if (left <= 0) return html`<span class="count">now</span>`
  return html`<span class="count">in ${left < 10e3 ? `${(Math.ceil(left / 100) / 10).toFixed(1)} s` : duration(Math.ceil(left / 1000) * 1000)}</span>`
}

// Restarts against what is allowed. Only those within the period before `now` count.
export const used = (budget, now) =>
  (budget?.restarts ?? []).filter((at) => now - toUs(at) <= (budget.period_ms ?? 0) * 1000 || !budget.period_ms).length
export const Budget = ({ budget, now, what }) => {
  if (!budget || budget.limit === undefined) return null
  const spent = used(budget, now)
  const share = budget.limit > 0 ? Math.min(1, spent / budget.limit) : spent > 0 ? 1 : 0
  const level = share >= 1 ? 'full' : share >= 0.5 ? 'high' : spent > 0 ? 'some' : 'none'
  const text = `${spent} of ${budget.limit}${budget.period_ms ? ` in ${duration(budget.period_ms)}` : ''}`
  return html`<span class=${`budget is-${level}`} title=${`${what ?? 'restarts'}: ${text}`}>
    <svg class="gauge" viewBox="0 0 40 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="40" height="6" rx="3" /><rect class="fill" width=${40 * share} height="6" rx="3" /></svg>
    <span>${text}</span></span>`
}

// Text of somebody else: shown as it is, with what is unseen written out, and cut where it is long.
// With `more` false there is no button for the rest: inside of links, and of rows that lead to all of it.
export const Foreign = ({ text, most = 400, lines = true, tag = 'span', more = true }) => {
  const [whole, setWhole] = useState(false)
  const all = seen(text, lines)
  const cut = all.length > most + 20 && !whole
  const shown = cut ? all.slice(0, most).replace(/[\ud800-\udbff]$/, '') : all
  return html`<${tag} class="foreign">${shown}${cut && !more && '…'}${cut && more && html`<button class="more" onClick=${() => setWhole(true)}>… show all (${many(all.length, 'character')})</button>`}<//>`
}

export const Path = ({ path }) => (path ? html`<bdi class="path">${seen(path)}</bdi>` : html`<span>the program itself</span>`)

// A small curve of [time, value] pairs. It says its last value in words; the curve itself is for the eye alone.
export const Spark = ({ points, label, wide = 96, high = 20 }) => {
  if (!points || points.length < 2) return html`<span class="spark none" aria-hidden="true"></span>`
  const first = points[0][0]
  const span = Math.max(1, points.at(-1)[0] - first)
  const top = Math.max(1, ...points.map(([, value]) => value))
  const at = ([time, value]) => `${(((time - first) / span) * wide).toFixed(1)} ${(high - 1.5 - (value / top) * (high - 3)).toFixed(1)}`
  const line = points.map(at).join('L')
  return html`<svg class="spark" width=${wide} height=${high} viewBox=${`0 0 ${wide} ${high}`} role="img" aria-label=${label}>
    <path class="area" d=${`M0 ${high}L${line}L${wide} ${high}z`} /><path class="line" d=${`M${line}`} /></svg>`
}

// How often something happened: small columns.
export const Columns = ({ values, label, wide = 120, high = 22 }) => {
  const top = Math.max(1, ...values)
  const each = wide / values.length
  return html`<svg class="columns" width=${wide} height=${high} viewBox=${`0 0 ${wide} ${high}`} role="img" aria-label=${label}>
    <line class="base" x1="0" x2=${wide} y1=${high - 0.5} y2=${high - 0.5} />
    ${values.map((value, i) => value > 0 && html`<rect x=${i * each + 0.5} width=${Math.max(1.5, each - 1)} y=${high - 1 - Math.max(2, (value / top) * (high - 2))} height=${Math.max(2, (value / top) * (high - 2))} />`)}</svg>`
}

// A time that leads to the tree as it was then.
export const Moment = ({ time, at, ref, digits = 3 }) => {
  const us = toUs(time)
  const text = day(us) === day(ref ?? Date.now() * 1000) ? clock(us, digits) : `${day(us)} ${clock(us, digits)}`
  return html`<button class="moment" title=${`${whenLong(us)}: show the tree as it was then`} onClick=${() => { setMoment(at ?? time, us); go('overview') }}><time datetime=${time}>${text}</time></button>`
}

export const Trouble = ({ problem, what }) =>
  problem && html`<p class="trouble" role="status">${what ?? 'This could not be asked for'}: ${seen(problem.message)}${problem.body?.suggestion ? ` (did you mean ${seen(problem.body.suggestion)}?)` : ''}</p>`

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`
export const Waiting = () => html`<p class="empty" role="status">Asking the server …</p>`
export const Fact = ({ name, children }) => html`<div class="fact"><dt>${name}</dt><dd>${children}</dd></div>`
// `known` false: nothing tells it, which is not the same as none.
export const Number = ({ value, name, known = true }) => html`<div class="number"><strong>${known ? count(value ?? 0) : html`<span aria-hidden="true">?</span><span class="unseen">not known</span>`}</strong> <span>${name}</span></div>`
