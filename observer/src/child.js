// One child, beside the tree: what it is, how it fares, and what may be done with it.
import { get, inUrl } from './api.js'
import { Verbs } from './dialog.js'
import { curve } from './history.js'
import { html } from './html.js'
import { Budget, Fact, Foreign, Moment, Path, Spark, Status, Trouble } from './parts.js'
import { to } from './route.js'
import { moment, useLive } from './state.js'
import { bytes, causeLine, count, duration, many, seen } from './text.js'
import { fallen } from './tree.js'

const findNode = (top, path) => top.find((node) => node.parent && node.data.path === path)

export function ChildPanel({ path, top, now, close }) {
  const then = moment.value
  const node = findNode(top, path)
  const { data, problem } = useLive((over) => (then ? null : get(`children/${inUrl(path)}`, {}, over)), [path, then?.at], { every: 1900 })
  const child = node?.data
  if (!child) return html`<section class="panel"><div class="bar"><h2><${Path} path=${path} /></h2><button onClick=${close}>Close</button></div>
    <p class="empty">${then ? 'It was not there at that moment.' : 'It is not there any more.'}</p></section>`
  const parent = node.parent?.data
  const siblings = (node.parent?.children ?? []).map((other) => other.data)
  const figures = child.figures?.last ?? {}
  const crashes = then ? [] : [...(data?.latest_crashes ?? [])].sort((a, b) => b.number - a.number).slice(0, 5)
  return html`<section class="panel" aria-labelledby="panel-title" data-child=${path}>
    <div class="bar"><h2 id="panel-title" tabindex="-1"><${Path} path=${path} /></h2><button onClick=${close}>Close</button></div>
    <${Verbs} child=${child} parent=${parent} siblings=${siblings} />
    <${Trouble} problem=${problem} />
    <dl class="facts">
      <${Fact} name="Status"><${Status} status=${child.status} due=${then ? null : child.due} fell=${fallen(child)} />${child.failing ? ' failing: it is about to end, and what is below it with it' : ''}<//>
      <${Fact} name="Is">${[seen(child.kind), child.type && seen(child.type), child.runs_in && `in a ${seen(child.runs_in)}`, child.pid && `pid ${child.pid}`].filter(Boolean).join(', ')}<//>
      ${child.strategy && html`<${Fact} name="Strategy">${seen(child.strategy)}<//>`}
      ${child.restart && html`<${Fact} name="Restart">${seen(child.restart)}<//>`}
      <${Fact} name="Incarnation">${child.incarnation ?? 0}; ${many(child.restarts ?? 0, 'restart')}, ${many(child.crashes ?? 0, 'crash', 'crashes')}${child.hangs ? `, ${many(child.hangs, 'hang')}` : ''}<//>
      ${child.up_since && html`<${Fact} name="Up since"><${Moment} time=${child.up_since} ref=${now} /><//>`}
      ${child.down_since && html`<${Fact} name="Down since"><${Moment} time=${child.down_since} ref=${now} /><//>`}
      ${child.downtime_ms > 0 && html`<${Fact} name="Down for">${duration(child.downtime_ms)} in all<//>`}
      ${child.own && html`<${Fact} name="Own budget"><${Budget} budget=${child.own} now=${now} />, then ${seen(child.on_spent ?? 'escalate')}<//>`}
      ${child.below && html`<${Fact} name="Budget below"><${Budget} budget=${child.below} now=${now} /><//>`}
      ${child.backoff && html`<${Fact} name="Back-off">at once, ${duration(child.backoff.min_ms)}, then ${child.backoff.factor} times longer, up to ${duration(child.backoff.max_ms)}; anew after ${duration(child.backoff.healthy_ms)} without a crash<//>`}
      ${figures.waiting !== undefined && html`<${Fact} name="Mailbox"><${Spark} points=${then ? null : curve(child)} label="mailbox over time" /> ${count(figures.waiting)} waiting, ${count(figures.handled ?? 0)} handled<//>`}
      ${figures.queued !== undefined && html`<${Fact} name="Queue"><${Spark} points=${then ? null : curve(child)} label="queue over time" /> ${count(figures.queued)} waiting, ${count(figures.running ?? 0)} running<//>`}
      ${figures.rss_kib !== undefined && html`<${Fact} name="Uses">${(figures.cpu_percent ?? 0).toFixed(1)} % of a core, ${bytes(figures.rss_kib)}<//>`}
      ${child.lost_messages > 0 && html`<${Fact} name="Lost">${many(child.lost_messages, 'message')}<//>`}
      ${child.last_cause && html`<${Fact} name="Last cause"><${Foreign} text=${child.last_cause} /> ${child.last_crash && html`<a href=${to('crashes', child.last_crash)}>${child.last_crash}</a>`}<//>`}
    </dl>
    ${crashes.length > 0 && html`<h3>Its last crashes</h3><ul class="tight">${crashes.map((crash) => html`<li key=${crash.id}><a href=${to('crashes', crash.id)}>${crash.id}</a> <${Moment} time=${crash.at} at=${crash.seq} ref=${now} /> <${Foreign} text=${causeLine(crash.cause)} most=${120} lines=${false} /></li>`)}</ul>`}
    <p class="links"><a href=${to('events', '', { actor: path })}>Its events</a> <a href=${to('timeline', '', { path })}>Its timeline</a> ${child.kind === 'pool' && html`<a href=${to('pools', '', { pool: path })}>The pool</a>`} ${child.crashes > 0 && html`<a href=${to('crashes', '', { path })}>Its crashes</a>`}</p>
  </section>`
}
