// For a run that is over or was killed: what died first, why, what it took with it, and what was lost.
import { events, get } from './api.js'
import { html } from './html.js'
import { Fact, Foreign, Moment, Path } from './parts.js'
import { to } from './route.js'
import { run, useLive } from './state.js'
import { causeLine, listed, many, seen, toUs } from './text.js'
import { lost } from './verdict.js'

// The crash that ended the run: the last one after which no restart came. What was alike before it came first.
async function load(over) {
  const [{ crashes, alike }, steps] = await Promise.all([
    get('crashes', { limit: 50 }, over),
    events({ kind: 'limit,escalate,give_up,run_end' }, over),
  ])
  const ended = run.value.code || run.value.died || run.value.state === 'lost' || steps.some((event) => event.kind === 'give_up')
  if (!ended) return null
  const final = crashes.find((crash) => ['escalate', 'give_up', 'stop', 'end'].includes(crash.decision?.action) || (crash.path ?? '') === '') ?? crashes[0]
  if (!final) return { steps, first: null }
  const kin = alike.find((group) => group.fingerprint === final.fingerprint)
  const known = kin?.first_id ? crashes.find((crash) => crash.id === kin.first_id) : final
  const first = known ?? (await get(`crashes/${kin.first_id}`, {}, over).catch(() => final))
  return { steps, first, final, kin }
}

export function Story({ top }) {
  const { data } = useLive(load, [run.value.run])
  if (!data) return null
  const { first, final, kin, steps } = data
  const all = []
  top.each((node) => { if (node.parent) all.push(node) })
  const gone = all.filter((node) => node.data.kind !== 'worker' && node.data.kind !== 'supervisor' && node.data.path !== (final?.place ?? final?.path)).map((node) => node.data)
  const waiting = all.reduce((sum, node) => sum + (node.data.figures?.last?.waiting ?? 0), 0)
  const tasks = all.reduce((sum, node) => sum + (node.data.figures?.last?.queued ?? 0) + (node.data.figures?.last?.running ?? 0), 0)
  const killed = run.value.state === 'lost'
  const gaveUp = steps.filter((event) => ['limit', 'escalate', 'give_up'].includes(event.kind)).slice(-6)
  return html`<section class="story" aria-labelledby="story-title">
    <h2 id="story-title">${killed ? 'The program was killed' : 'What ended it'}</h2>
    <dl class="facts">
      ${killed && html`<${Fact} name="End">The program told of no end: it was killed, or the machine went down. The statuses below are the last that were told.<//>`}
      ${first && html`<${Fact} name=${killed ? 'Last to die before' : 'Died first'}><${Path} path=${first.path} /> <a href=${to('crashes', first.id)}>${first.id}</a> at <${Moment} time=${first.at} at=${first.seq} ref=${toUs(run.value.now)} /><//>
        <${Fact} name="Why"><${Foreign} text=${causeLine(first.cause)} />${first.text ? html`, <${Foreign} text=${first.text} />` : ''}<//>
        ${kin?.count > 1 && html`<${Fact} name="Again">${many(kin.count - 1, 'time')} more in the same way, last <a href=${to('crashes', final.id)}>${final.id}</a> at <${Moment} time=${final.at} at=${final.seq} ref=${toUs(run.value.now)} /><//>`}`}
      ${gaveUp.length > 0 && html`<${Fact} name="Then"><ol class="tight">${gaveUp.map((event) => html`<li key=${event.seq}><${Moment} time=${event.ts} at=${event.seq} ref=${toUs(run.value.now)} /> ${event.actor ? html`<${Path} path=${event.actor} /> ` : ''}${{ limit: 'reached its limit', escalate: 'failed, and its parent decided', give_up: 'gave up' }[event.kind]}${event.text ? html`: <${Foreign} text=${event.text} most=${200} />` : ''}</li>`)}</ol><//>`}
      ${!killed && gone.length > 0 && html`<${Fact} name="With it went">${many(gone.length, 'other child', 'other children')}: ${listed(gone.map((child) => seen(child.path)), 6)}<//>`}
      <${Fact} name="Lost">${lost(run.value.summary)}${killed || run.value.died ? '; what was in the memory of the program is gone' : ''}${killed && (waiting > 0 || tasks > 0) ? `; of that, as last seen: ${listed([waiting > 0 && many(waiting, 'message that waited', 'messages that waited'), tasks > 0 && many(tasks, 'task that was not over', 'tasks that were not over')].filter(Boolean))}` : ''}<//>
    </dl></section>`
}
