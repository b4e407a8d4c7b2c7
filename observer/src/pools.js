// Pools: their workers as cells, how much they do and how fast, and the tasks that did not go well.
import { useMemo } from 'preact/hooks'
import { get } from './api.js'
import { Chart } from './chart.js'
import { Verbs } from './dialog.js'
import { lastEvents, seqAt, until } from './events.js'
import { html } from './html.js'
import { usePicture } from './overview.js'
import { Budget, Empty, Foreign, Moment, Number, Path, Shape, Status, Trouble, Waiting } from './parts.js'
import { go, route, to } from './route.js'
import { isLive, moment, newest, useLive } from './state.js'
import { bytes, causeLine, count, duration, fromUs, many, seen, statusWords, toUs } from './text.js'
import { losses } from './verdict.js'

// From counts of tasks by how long they ran (under 1 us, 2 us, 4 us, ...): the time that a share of them stays under.
export function quantile(times, share) {
  const total = times.reduce((sum, n) => sum + n, 0)
  if (total === 0) return null
  let left = share * total
  for (let i = 0; i < times.length; i += 1) {
    left -= times[i]
    if (left <= 0) return 2 ** i / 1000
  }
  return 2 ** (times.length - 1) / 1000
}

// What happened between two samples each.
function rates(samples) {
  const rows = { at: [], done: [], failed: [], half: [], most: [], waitHalf: [], waitMost: [], queued: [], running: [] }
  for (let i = 1; i < samples.length; i += 1) {
    const [before, now] = [samples[i - 1], samples[i]]
    const seconds = (toUs(now.at) - toUs(before.at)) / 1e6
    if (seconds <= 0) continue
    const anew = (now.submitted ?? 0) < (before.submitted ?? 0) // another incarnation counts from 0
    const between = (key) => (now[key] ?? []).map((n, k) => Math.max(0, n - (anew ? 0 : (before[key]?.[k] ?? 0))))
    const [ran, waited] = [between('run_times'), between('wait_times')]
    const since = (key) => Math.max(0, (now[key] ?? 0) - (anew ? 0 : (before[key] ?? 0))) / seconds
    rows.at.push(toUs(now.at) / 1e6)
    rows.done.push(since('succeeded'))
    rows.failed.push(since('failed'))
    rows.half.push(quantile(ran, 0.5))
    rows.most.push(quantile(ran, 0.99))
    rows.waitHalf.push(quantile(waited, 0.5))
    rows.waitMost.push(quantile(waited, 0.99))
    rows.queued.push(now.queued ?? 0)
    rows.running.push(now.running ?? 0)
  }
  return rows
}

const heldFor = 3e6 // microseconds: a sample is taken each second

const perSecond = (value) => `${value >= 100 ? count(Math.round(value)) : Math.round(value * 10) / 10}/s`

const shortOf = (path) => path.slice(path.lastIndexOf('/') + 1)

// What a worker has in hand, and for how long, as its pool told last.
const InHand = ({ task, now }) => html`<span class="hand">runs <b>${seen(task.task)}</b> ${task.id}</span><span><i>for ${duration(Math.max(0, (now - toUs(task.since)) / 1000))}</i></span>`

const Cell = ({ worker, task, rests, now, pick }) => {
  const { last = {} } = worker.figures ?? {}
  const short = shortOf(worker.path)
  return html`<li><button class=${`cell is-${worker.status}`} data-worker=${worker.path} data-status=${worker.status} data-task=${task?.id} onClick=${() => pick(worker.path)} title=${`${seen(worker.path)}${worker.last_cause ? `; last crash: ${seen(worker.last_cause)}` : ''}`}>
    <span class="top"><${Shape} status=${worker.status} /><bdi>${seen(short)}</bdi> <span class="faint">#${worker.incarnation ?? 0}</span> <span>${statusWords[worker.status] ?? seen(worker.status)}</span></span>
    ${task ? html`<${InHand} task=${task} now=${now} />` : html`<span class="hand faint">${rests && worker.status === 'up' ? 'idle' : ''}</span><span></span>`}
    <span class="faint">${worker.pid ? `pid ${worker.pid}` : ''}${last.rss_kib ? ` ${bytes(last.rss_kib)}` : ''}</span>
    <span class="faint">${last.cpu_percent !== undefined ? `${last.cpu_percent.toFixed(0)} % of a core` : ''}</span></button></li>`
}

// Each task that was not done at the first attempt, with every attempt that is told of.
function tasksOf(list) {
  const tasks = new Map()
  for (const event of list) {
    if (!event.task) continue
    const found = tasks.get(event.task.id) ?? { id: event.task.id, tries: [] }
    found.tries.push(event)
    tasks.set(event.task.id, found)
  }
  return [...tasks.values()].reverse()
}

const fate = (task) => ({ task_retry: 'retried', task_quarantine: 'quarantined', task_fail: 'failed' })[task.tries.at(-1).kind] ?? ''

const Troubles = ({ path, cancelled, now }) => {
  const then = moment.value
  const { data, problem } = useLive(async (over) => {
    const { list } = await lastEvents({ actor: `${path}*`, kind: 'task_retry,task_quarantine,task_fail' }, await seqAt(then, over), 200, over)
    return tasksOf(list.filter((event) => event.actor === path || event.actor.startsWith(`${path}/`)).filter(until(then)))
  }, [path, then?.at], { still: then !== null })
  if (!data) return html`<${Trouble} problem=${problem} />`
  if (data.length === 0) return html`<${Empty}>${cancelled > 0 ? `No task met a fault; ${count(cancelled)} were cancelled before they had a value.` : 'No task was retried or failed.'}<//>`
  return html`<div class="wide" tabindex="0" role="region" aria-label="Tasks that were retried or failed"><table class="list tasks"><thead><tr><th scope="col">Task</th><th scope="col">What became of it</th><th scope="col">Attempts</th></tr></thead>
    <tbody>${data.slice(0, 50).map((task) => html`<tr key=${task.id} data-task=${task.id} data-fate=${fate(task)}><td>${task.id} <${Foreign} text=${`${task.tries[0].task.name ?? ''}(${task.tries[0].task.args ?? ''})`} most=${80} lines=${false} /></td>
      <td><span class=${`fate is-${fate(task)}`}>${fate(task)}</span></td>
      <td><ol class="tight">${task.tries.map((event) => html`<li key=${event.seq} value=${event.task.attempt ?? 1}><${Moment} time=${event.ts} at=${event.seq} ref=${now} /> on ${seen(event.actor.slice(event.actor.lastIndexOf('/') + 1))}${event.task.ran_ms !== undefined ? `, ran ${duration(event.task.ran_ms)}` : ''}: <${Foreign} text=${causeLine(event.cause)} most=${110} lines=${false} /></li>`)}</ol></td></tr>`)}</tbody></table></div>
    ${data.length > 50 && html`<p class="faint">and ${count(data.length - 50)} more before these.</p>`}`
}

const Pool = ({ node, now }) => {
  const pool = node.data
  const then = moment.value
  // At a moment of the past: those of the quarter of an hour before it.
  const asked = then ? { path: pool.path, from: fromUs(then.us - 900e6), to: fromUs(then.us + 1) } : { path: pool.path }
  const { data } = useLive((over) => get('samples', asked, over), [pool.path, then?.at], { every: 1900 })
  const rows = useMemo(() => rates(data?.samples ?? []), [data])
  const before = then ? data?.samples.at(-1) : null
  const last = (then ? before && then.us - toUs(before.at) < heldFor && before : pool.figures?.last) || {}
  const known = last.workers !== undefined
  const totals = pool.pool ?? {}
  const { cancelled } = losses(totals)
  const workers = (node.children ?? []).map((child) => child.data)
  const told = last.at ? toUs(last.at) : 0
  const hands = new Map((last.in_hand ?? []).map((task) => [task.worker, task]))
  const pick = (path) => go('overview', '', { child: path })
  const siblings = (node.parent?.children ?? []).map((other) => other.data)
  return html`<section class="pool" data-pool=${pool.path} aria-labelledby=${`pool-${pool.order}`}>
    <div class="bar"><h2 id=${`pool-${pool.order}`} tabindex="-1"><${Path} path=${pool.path} /></h2><${Status} status=${pool.status} due=${then ? null : pool.due} /> <span class="faint">${seen(pool.type)}, in ${pool.runs_in === 'process' ? 'processes' : 'threads'}</span>
      <${Budget} budget=${pool.below} now=${now} what="restarts of workers" /> <${Verbs} child=${pool} parent=${node.parent?.data} siblings=${siblings} /></div>
    <div class="numbers">
      <${Number} value=${last.queued} known=${known} name="waiting" /><${Number} value=${last.running} known=${known} name="with workers" /><${Number} value=${last.idle} known=${known} name=${`idle of ${count(last.workers ?? totals.workers ?? workers.length)}`} />
      <${Number} value=${last.succeeded ?? totals.succeeded} known=${known || totals.submitted !== undefined} name="done" /><${Number} value=${totals.retried} name="retried" /><${Number} value=${totals.quarantined} name="quarantined" /><${Number} value=${last.failed ?? totals.failed} name="failed" /><${Number} value=${totals.worker_crashes} name="worker crashes" />${cancelled > 0 && html`<${Number} value=${cancelled} name="cancelled" />`}
    </div>
    ${workers.length > 0 ? html`<ul class="cells" aria-label=${`Workers of ${seen(pool.path)}`}>${workers.slice(0, 256).map((worker) => html`<${Cell} key=${worker.path} worker=${worker} task=${hands.get(shortOf(worker.path))} rests=${known} now=${told} pick=${pick} />`)}</ul>${workers.length > 256 && html`<p class="faint">and ${workers.length - 256} more.</p>`}`
      : html`<p class="faint">${many(last.workers ?? totals.workers ?? 0, 'worker')}; none of them is told of yet.</p>`}
    ${rows.at.length > 1 && html`<div class="charts">
      <${Chart} now=${isLive() && !then ? 'now' : 'last'} title="Throughput" least=${1} unit=${perSecond} series=${[{ name: 'done', colour: '--s-up', fill: true }, { name: 'failed', colour: '--s-gave_up', dash: [4, 3] }]} data=${[rows.at, rows.done, rows.failed]} />
      <${Chart} now=${isLive() && !then ? 'now' : 'last'} title="Run time" unit=${(ms) => duration(ms)} series=${[{ name: 'half under', colour: '--accent', points: true }, { name: '99 % under', colour: '--s-restarting', dash: [4, 3], points: true }]} data=${[rows.at, rows.half, rows.most]} />
      <${Chart} now=${isLive() && !then ? 'now' : 'last'} title="Wait before" unit=${(ms) => duration(ms)} series=${[{ name: 'half under', colour: '--accent', points: true }, { name: '99 % under', colour: '--s-restarting', dash: [4, 3], points: true }]} data=${[rows.at, rows.waitHalf, rows.waitMost]} />
      <${Chart} now=${isLive() && !then ? 'now' : 'last'} title="Queue" least=${4} unit=${(n) => count(Math.round(n))} series=${[{ name: 'waiting', colour: '--accent', fill: true }, { name: 'with workers', colour: '--s-stopping', dash: [4, 3] }]} data=${[rows.at, rows.queued, rows.running]} /></div>`}
    <h3>Tasks that were retried or failed</h3><${Troubles} path=${pool.path} cancelled=${cancelled} now=${now} />
    <p class="links"><a href=${to('events', '', { actor: pool.path })}>Its events</a> <a href=${to('timeline', '', { path: pool.path })}>Its timeline</a> <a href=${to('overview', '', { child: pool.path })}>In the tree</a></p>
  </section>`
}

export function Pools() {
  const { picture, problem } = usePicture()
  if (!picture) return html`<h1>Pools</h1>${problem ? html`<${Trouble} problem=${problem} />` : html`<${Waiting} />`}`
  const pools = []
  picture.top.each((node) => { if (node.parent && node.data.kind === 'pool') pools.push(node) })
  pools.sort((a, b) => a.data.order - b.data.order)
  const wanted = route.value.params.get('pool')
  const shown = wanted && pools.some((node) => node.data.path === wanted) ? pools.filter((node) => node.data.path === wanted) : pools.slice(0, 8)
  return html`<h1>Pools</h1><${Trouble} problem=${problem} />
    ${pools.length === 0 && html`<${Empty}>This run has no pools.<//>`}
    ${pools.length > 1 && html`<nav class="chips" aria-label="Pools"><ul><li><a href=${to('pools')} aria-current=${wanted ? undefined : 'true'}>All</a></li>${pools.slice(0, 60).map((node) => html`<li key=${node.data.path}><a href=${to('pools', '', { pool: node.data.path })} aria-current=${wanted === node.data.path ? 'true' : undefined}><${Path} path=${node.data.path} /></a></li>`)}</ul></nav>`}
    ${shown.map((node) => html`<${Pool} key=${node.data.path} node=${node} now=${moment.value?.us ?? newest()} />`)}`
}
