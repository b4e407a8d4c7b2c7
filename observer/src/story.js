// For a run that is over or was killed: what died first, why, what it took with it, and what was lost.
import { events, get } from './api.js'
import { html } from './html.js'
import { Fact, Foreign, Moment, Path } from './parts.js'
import { to } from './route.js'
import { run, useLive } from './state.js'
import { causeLine, count, duration, listed, many, seen, toUs } from './text.js'
import { losses, lost } from './verdict.js'

// What the run ended with: the last crash that took others down, and before it the crashes of the same place, or of what
// is below it, that nothing came back from. Those of the same kind just before are the same trouble.
function chainOf(final, crashes) {
  const place = final.place ?? final.path ?? ''
  const isNear = (path) => path === place || path.startsWith(`${place}/`) || place.startsWith(`${path}/`)
  const chain = []
  for (const crash of crashes) {
    if (crash.number > final.number || !isNear(crash.path ?? '')) continue
    if (crash !== final && crash.recovery_ms !== undefined) break
    chain.unshift(crash)
  }
  for (const crash of crashes) {
    const first = chain[0]
    if (crash.number >= first.number || crash.path !== first.path || crash.fingerprint !== first.fingerprint) continue
    if (toUs(first.at) - toUs(crash.at) > (first.decision?.period_ms ?? 5000) * 1000) break
    chain.unshift(crash)
  }
  return chain
}

async function load(over) {
  const [{ crashes }, steps] = await Promise.all([
    get('crashes', { limit: 500 }, over),
    events({ kind: 'limit,escalate,give_up,run_end' }, over),
  ])
  const ended = run.value.code || run.value.died || run.value.state === 'lost' || steps.some((event) => event.kind === 'give_up')
  if (!ended) return null
  const final = crashes.find((crash) => ['escalate', 'give_up', 'stop', 'end'].includes(crash.decision?.action) || (crash.path ?? '') === '') ?? crashes[0]
  if (!final) return { steps, first: null, chain: [], again: [] }
  const chain = chainOf(final, crashes)
  const [first] = chain
  const logs = await events({ kind: 'log', actor: first.path, after: Math.max(0, first.seq - 5000), limit: 5000 }, over).catch(() => [])
  const again = crashes.filter((crash) => crash.path === first.path && crash.fingerprint === first.fingerprint && crash.number > first.number)
  return { steps: steps.filter((event) => event.seq >= first.seq), first, chain, again, spent: spentOn(final, crashes), wrote: lastWords(chain, logs) }
}

// The restarts that had used the last budget up: those of the same supervisor within its period.
function spentOn(final, crashes) {
  const above = (path) => path.slice(0, path.lastIndexOf('/'))
  const { limit, period_ms: period } = final.decision ?? {}
  if (!limit || !period) return []
  return crashes.filter((crash) => crash.number < final.number && crash.decision?.action === 'restart' && above(crash.place ?? crash.path ?? '') === above(final.place ?? final.path ?? '')
    && crash.decision.limit === limit && toUs(final.at) - toUs(crash.at) <= period * 1000).slice(0, limit).reverse()
}

// The last line that it wrote before it died, or another of them: it often says more than how it ended.
const lastWords = (chain, logs) => {
  const [first] = chain
  const told = logs.filter((event) => event.stream === 'stderr' && event.seq < first.seq && (!first.pid || !event.pid || event.pid === first.pid) && event.text?.trim())
  const kept = chain.map((crash) => (crash.cause?.stderr ?? []).filter((line) => line.trim()).at(-1)).find(Boolean)
  return told.at(-1)?.text ?? kept
}

export function Story({ top }) {
  const { data } = useLive(load, [run.value.run])
  if (!data) return null
  const { first, chain, again, spent = [], steps, wrote } = data
  const own = new Set(chain.map((crash) => crash.place ?? crash.path))
  const all = []
  top.each((node) => { if (node.parent) all.push(node) })
  const gone = all.filter((node) => node.data.kind !== 'worker' && node.data.kind !== 'supervisor' && !own.has(node.data.path)).map((node) => node.data)
  const held = all.filter((node) => node.data.kind === 'actor').map((node) => seen(node.data.path))
  const restarted = all.filter((node) => node.data.kind === 'actor' && node.data.restarts > 0).map((node) => `${seen(node.data.path)} (${count(node.data.restarts)})`)
  const cancelled = all.filter((node) => node.data.kind === 'pool' && losses(node.data.pool).cancelled > 0).map((node) => `${count(losses(node.data.pool).cancelled)} of ${seen(node.data.path)}`)
  const waiting = all.reduce((sum, node) => sum + (node.data.figures?.last?.waiting ?? 0), 0)
  const tasks = all.reduce((sum, node) => sum + (node.data.figures?.last?.queued ?? 0) + (node.data.figures?.last?.running ?? 0), 0)
  const killed = run.value.state === 'lost'
  // What a supervisor decided about one that failed is seen in what came of it.
  const gaveUp = steps.filter((event) => ['limit', 'give_up'].includes(event.kind)).slice(-6)
  return html`<section class="story" aria-labelledby="story-title">
    <h2 id="story-title">${killed ? 'The program was killed' : 'What ended it'}</h2>
    <dl class="facts">
      ${killed && html`<${Fact} name="End">The program told of no end: it was killed, or the machine went down. The statuses below are the last that were told.<//>`}
      ${first && html`<${Fact} name=${killed ? 'Last to die before' : 'Died first'}><${Path} path=${first.path} /> <a href=${to('crashes', first.id)}>${first.id}</a> at <${Moment} time=${first.at} at=${first.seq} ref=${toUs(run.value.now)} /><//>
        <${Fact} name="Why"><${Foreign} text=${causeLine(first.cause)} />${first.text ? html`, <${Foreign} text=${first.text} />` : ''}${wrote && !causeLine(first.cause).includes(wrote.trim()) ? html`; it wrote last: <q><${Foreign} text=${wrote} most=${240} lines=${false} /></q>` : ''}<//>
        ${again.length > 0 && html`<${Fact} name="Again">${many(again.length, 'time')} more in the same way, last <a href=${to('crashes', again[0].id)}>${again[0].id}</a> at <${Moment} time=${again[0].at} at=${again[0].seq} ref=${toUs(run.value.now)} /><//>`}`}
      ${gaveUp.length > 0 && html`<${Fact} name="Then"><ol class="tight">${gaveUp.map((event) => html`<li key=${event.seq}><${Moment} time=${event.ts} at=${event.seq} ref=${toUs(run.value.now)} /> ${event.actor ? html`<${Path} path=${event.actor} /> ` : ''}${{ limit: 'reached its limit', give_up: 'gave up' }[event.kind]}${event.text ? html`: <${Foreign} text=${event.text} most=${200} />` : ''}</li>`)}</ol><//>`}
      ${spent.length > 0 && html`<${Fact} name="Restarts spent">${spent.map((crash, i) => html`${i > 0 ? ', ' : ''}<a href=${to('crashes', crash.id)}>${crash.id}</a> <${Path} path=${crash.path} />`)}: all ${count(spent.length)} that were allowed in ${duration(spent[0].decision.period_ms)}<//>`}
      ${!killed && gone.length > 0 && html`<${Fact} name="With it went">${many(gone.length, 'other child', 'other children')}: ${listed(gone.map((child) => seen(child.path)), 6)}<//>`}
      <${Fact} name="Lost">${lost(run.value.summary)}${cancelled.length > 0 ? ` (${listed(cancelled)})` : ''}${held.length > 0 ? `; what ${many(held.length, 'actor')} held in memory went with the run: ${listed(held, 4)}` : ''}${restarted.length > 0 ? `; and before, what these held at each of their restarts: ${listed(restarted, 4)}` : ''}${killed || run.value.died ? '; what was in the memory of the program is gone' : ''}${killed && (waiting > 0 || tasks > 0) ? `; of that, as last seen: ${listed([waiting > 0 && many(waiting, 'message that waited', 'messages that waited'), tasks > 0 && many(tasks, 'task that was not over', 'tasks that were not over')].filter(Boolean))}` : ''}<//>
    </dl></section>`
}
