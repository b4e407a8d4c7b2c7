// Crashes: those that are alike together, and the single ones, the newest first.
import { useState } from 'preact/hooks'
import { get } from './api.js'
import { html } from './html.js'
import { Columns, Empty, Foreign, Moment, Path, Trouble, Waiting } from './parts.js'
import { route, to } from './route.js'
import { isLive, newest, run, useLive } from './state.js'
import { ago, causeLine, count, duration, many, seen, toUs } from './text.js'

const page = 50

export const fateWords = (crash) => {
  const decided = crash.decision
  if (!decided) return ''
  const also = decided.also?.length > 0 ? `, with ${many(decided.also.length, 'other')}` : ''
  return `${seen(decided.action).replaceAll('_', ' ')}${also}`
}

// Single crashes that were looked up: they do not change any more where it matters here.
const lookedUp = new Map()
async function lookUp(id, over) {
  if (lookedUp.size > 200) lookedUp.clear()
  if (!lookedUp.has(id)) lookedUp.set(id, await get(`crashes/${id}`, {}, over).catch(() => null))
}

export function Crashes() {
  const path = route.value.params.get('path') ?? ''
  const alone = route.value.params.get('alike') ?? ''
  const [older, setOlder] = useState({ list: [], next: null, problem: null })
  const { data, problem } = useLive(async (over) => {
    const told = await get('crashes', { limit: page, path }, over)
    // Of kinds that none of the newest crashes is of, the last one says where.
    const here = new Set(told.crashes.map((crash) => crash.fingerprint))
    if (!path) await Promise.all(told.alike.filter((group) => !here.has(group.fingerprint)).slice(0, 20).map((group) => lookUp(group.last_id, over)))
    return told
  }, [path])
  if (!data) return html`<h1>Crashes</h1>${problem ? html`<${Trouble} problem=${problem} />` : html`<${Waiting} />`}`
  const now = newest()
  // What was asked for earlier is behind what is newest; where they overlap, the new answer counts.
  const fresh = new Set(data.crashes.map((crash) => crash.id))
  const all = [...data.crashes, ...older.list.filter((crash) => !fresh.has(crash.id))].sort((a, b) => b.number - a.number)
  const next = older.list.length > 0 ? older.next : data.next
  const more = async () => {
    try {
      const told = await get('crashes', { limit: page, before: older.list.length > 0 ? older.next : data.next, path })
      setOlder({ list: [...older.list, ...data.crashes, ...told.crashes].filter((crash, i, list) => list.findIndex((other) => other.id === crash.id) === i), next: told.next ?? null, problem: null })
    } catch (failed) {
      setOlder({ ...older, problem: failed })
    }
  }
  const byPrint = new Map()
  for (const crash of all) byPrint.set(crash.fingerprint, [...(byPrint.get(crash.fingerprint) ?? []), crash])
  const groups = [...data.alike].filter((group) => !path || byPrint.has(group.fingerprint)).sort((a, b) => toUs(b.last) - toUs(a.last))
  const began = toUs(run.value.started)
  const span = Math.max(1, now - began)
  const spread = (list) => {
    const columns = Array(24).fill(0)
    for (const crash of list) columns[Math.min(23, Math.max(0, Math.floor(((toUs(crash.at) - began) / span) * 24)))] += 1
    return columns
  }
  const shown = all.filter((crash) => !alone || crash.fingerprint === alone)
  return html`
    <h1>Crashes</h1>
    <p class="lead" data-count=${data.crash_count}>${data.crash_count === 0 ? 'Nothing has crashed.' : `${many(data.crash_count, 'crash', 'crashes')} of ${many(data.alike.length, 'kind')}${path ? `; here only those of ${seen(path)}` : ''}.`}
      ${path && html` <a href=${to('crashes')}>Show all</a>`}</p>
    <${Trouble} problem=${problem} />
    ${groups.length > 0 && html`<section aria-labelledby="alike-title"><h2 id="alike-title">By likeness</h2>
      <div class="wide" tabindex="0" role="region" aria-labelledby="alike-title"><table class="list alike"><thead><tr><th scope="col" class="n">Count</th><th scope="col">Cause</th><th scope="col">Where</th><th scope="col">Over the run</th><th scope="col">First</th><th scope="col">Last</th></tr></thead>
      <tbody>${groups.map((group) => {
        const own = byPrint.get(group.fingerprint) ?? []
        const known = own.length > 0 ? own : [lookedUp.get(group.last_id)].filter((crash) => crash?.fingerprint === group.fingerprint)
        const places = [...new Set(known.map((crash) => crash.place ?? crash.path))]
        return html`<tr key=${group.fingerprint} data-fingerprint=${group.fingerprint} class=${alone === group.fingerprint ? 'is-selected' : ''}>
          <td class="n" data-l="Count"><strong>${count(group.count)}</strong></td>
          <td><a href=${to('crashes', own.some((crash) => crash.id === group.first_id) ? group.first_id : group.last_id)}><${Foreign} text=${group.cause} most=${110} lines=${false} more=${false} /></a> <a class="faint" href=${to('crashes', '', { path, alike: alone === group.fingerprint ? '' : group.fingerprint })}>${group.fingerprint}</a></td>
          <td>${places.slice(0, 2).map((place) => html`<${Path} path=${place} /> `)}${places.length > 2 ? `and ${places.length - 2} more` : ''}</td>
          <td><${Columns} values=${spread(own)} label=${`${many(own.length, 'crash', 'crashes')} over the run`} /></td>
          <td data-l="First"><${Moment} time=${group.first} ref=${now} digits=${0} /></td><td data-l="Last"><${Moment} time=${group.last} ref=${now} digits=${0} /> <div class="faint nowrap">${ago(toUs(group.last), now, !isLive())}</div></td></tr>`
      })}</tbody></table></div></section>`}
    ${all.length > 0 && html`<section aria-labelledby="each-title"><h2 id="each-title">Each</h2>
      ${alone && html`<p>Only those that are alike: ${alone}. <a href=${to('crashes', '', { path })}>Show all</a></p>`}
      <div class="wide" tabindex="0" role="region" aria-labelledby="each-title"><table class="list each"><thead><tr><th scope="col">Crash</th><th scope="col">When</th><th scope="col">Child</th><th scope="col">Cause</th><th scope="col">Decided</th><th scope="col">Ready again</th></tr></thead>
      <tbody>${shown.map((crash) => html`<tr key=${crash.id} data-crash=${crash.id}>
        <td class="nowrap"><a href=${to('crashes', crash.id)}>${crash.id}</a></td><td><${Moment} time=${crash.at} at=${crash.seq} ref=${now} /></td><td><${Path} path=${crash.path} />${crash.incarnation ? html` <span class="faint">#${crash.incarnation}</span>` : ''}</td>
        <td><${Foreign} text=${causeLine(crash.cause)} most=${140} lines=${false} /></td><td data-l="Decided">${fateWords(crash)}</td><td class="nowrap" data-l="Ready again">${crash.recovery_ms !== undefined ? `after ${duration(crash.recovery_ms)}` : html`<span class="faint">not</span>`}</td></tr>`)}</tbody></table></div>
      ${shown.length === 0 && html`<${Empty}>None of the newest ${all.length}.<//>`}
      <${Trouble} problem=${older.problem} />
      ${next && html`<p><button onClick=${more}>Show older ones</button></p>`}</section>`}`
}
