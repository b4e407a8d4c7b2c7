// Overview: is all well, and what is each child? At a moment of the past it is the same picture, as the server had it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { get } from './api.js'
import { ChildPanel } from './child.js'
import { reload, shutdown } from './dialog.js'
import { html } from './html.js'
import { Foreign, Moment, Number, Path, Shape, Trouble, Waiting } from './parts.js'
import { go, route, to } from './route.js'
import { canOperate, isLive, moment, newest, run, useLive } from './state.js'
import { Story } from './story.js'
import { ago, causeLine, duration, seen, statusWords, toUs } from './text.js'
import { grown, nested, severity, troubled } from './tree.js'
import { TreeTable } from './treetable.js'
import { losses, verdict } from './verdict.js'

// The tree and the totals, now or at the moment that is looked at.
export function usePicture() {
  const then = moment.value
  const { data, problem } = useLive(async (over) => {
    if (then) {
      const view = await get('view', { at: then.at }, over)
      return { told: view, crashes: view.crashes.slice(-6).reverse(), top: grown(nested(view.children)), then }
    }
    const tree = await get('tree', {}, over)
    return { told: null, top: grown(tree.children), seq: tree.last_seq, then: null }
  }, [then?.at], { every: 1900, still: then !== null })
  return { picture: data, problem }
}

const Latest = ({ crashes, now }) => html`<section class="latest" aria-labelledby="latest-title">
  <h2 id="latest-title">Last crashes</h2>
  ${crashes.length === 0 ? html`<p class="empty">None.</p>` : html`<ul>${crashes.map((crash) => html`<li key=${crash.id}>
    <a href=${to('crashes', crash.id)}>${crash.id}</a> <${Path} path=${crash.path} />
    <span class="cause"><${Foreign} text=${causeLine(crash.cause)} most=${160} lines=${false} /></span>
    <span class="faint"><${Moment} time=${crash.at} at=${crash.seq} ref=${now} /> ${moment.value ? '' : ago(toUs(crash.at), now, !isLive())}${crash.recovery_ms !== undefined ? `, recovered after ${duration(crash.recovery_ms)}` : ''}</span></li>`)}</ul>
    <p class="links"><a href=${to('crashes')}>All crashes</a></p>`}
</section>`

// Children that are down and should not be; the tree may be too large to find them in it.
// A restart that has just begun is no trouble yet; a list that comes and goes with each would only flicker.
const brief = (child, now) => child.status === 'restarting' && !child.failing && now - toUs(child.down_since) < 1.5e6

const Attention = ({ top, pick, now }) => {
  const found = []
  top.each((node) => { if (node.parent && node.data.kind !== 'worker' && troubled(node.data) && !brief(node.data, now)) found.push(node.data) })
  if (found.length === 0) return null
  found.sort((a, b) => severity(b) - severity(a) || (a.order ?? 0) - (b.order ?? 0))
  return html`<section class="attention" aria-labelledby="attention-title"><h2 id="attention-title">Needs a look</h2>
    <ul>${found.slice(0, 6).map((child) => html`<li key=${child.path}><${Shape} status=${child.status} />
      <button class="plain" onClick=${() => pick(child.path)}><${Path} path=${child.path} /></button> <span class="what">${child.status === 'up' && child.failing ? 'has reached its limit' : statusWords[child.status] ?? seen(child.status)}</span>
      ${child.last_cause && html` <span class="faint"><${Foreign} text=${child.last_cause} most=${120} lines=${false} /></span>`}</li>`)}</ul>
    ${found.length > 6 && html`<p class="faint">and ${found.length - 6} more; the tree below shows the worst first.</p>`}
  </section>`
}

// The verdict for screen readers: told when it changes, but at most each five seconds.
const Spoken = ({ text }) => {
  const [told, setTold] = useState(text)
  const latest = useRef(text)
  latest.current = text
  useEffect(() => {
    const telling = setInterval(() => setTold(latest.current), 5000)
    return () => clearInterval(telling)
  }, [])
  return html`<p class="unseen" role="status">${told}</p>`
}

export function Overview() {
  const { picture, problem } = usePicture()
  const { data: latest } = useLive((over) => get('crashes', { limit: 6 }, over), [])
  const [find, setFind] = useState('')
  const [order, setOrder] = useState(null)
  const then = moment.value
  const now = then ? then.us : newest()
  const selected = route.value.params.get('child') ?? ''
  const pick = (path) => go('overview', '', { child: path === selected ? '' : path })
  // The focus goes back to the row, where that is in sight.
  const closePanel = () => {
    pick(selected)
    const row = document.querySelector(`.row[data-path="${CSS.escape(selected)}"]`) ?? document.getElementById('main')
    row.focus()
  }
  if (!picture) return html`<h1 class="unseen">Overview</h1>${problem ? html`<${Trouble} problem=${problem} what="The tree could not be had" />` : html`<${Waiting} />`}`
  const told = picture.then ? picture.told : run.value
  const state = picture.then ? 'then' : run.value.state
  const said = verdict(told, picture.top, state)
  const large = picture.top.total > 200
  const worstFirst = order === null ? large : order === 'worst'
  const crashes = picture.then ? picture.crashes : (latest?.crashes ?? [])
  const { summary = {} } = told
  return html`
    <h1 class="unseen">Overview</h1>
    <div class=${`verdict is-${said.level}`} data-verdict=${said.level}>
      <${Shape} status=${{ good: 'up', note: 'restarting', bad: 'gave_up' }[said.level]} /><p>${said.text}.</p>
    </div>
    <${Spoken} text=${said.text} />
    <${Trouble} problem=${problem} what=${then ? 'The tree as it was then could not be had' : 'The tree could not be had'} />
    ${!then && run.value.state !== 'live' && html`<${Story} top=${picture.top} />`}
    <div class=${`columns-2${selected ? ' has-panel' : ''}`}>
      <section class="tree" aria-labelledby="tree-title">
        <div class="bar"><h2 id="tree-title">Tree</h2>
          <label>Find <input type="search" value=${find} placeholder="path" onInput=${(event) => setFind(event.target.value)} /></label>
          <label>Order <select value=${worstFirst ? 'worst' : 'tree'} onChange=${(event) => setOrder(event.target.value)}><option value="tree">as started</option><option value="worst">worst first</option></select></label>
          ${canOperate() && html`<span class="verbs"><button onClick=${reload}>Reload</button> <button class="grave" onClick=${() => shutdown(run.value.scenario?.name ?? run.value.name)}>Shut down</button></span>`}
        </div>
        <${TreeTable} top=${picture.top} find=${find} worstFirst=${worstFirst} now=${now} was=${state === 'lost'} selected=${selected} pick=${pick} />
      </section>
      <aside aria-label="Details">
        ${selected && html`<${ChildPanel} key=${selected} path=${selected} top=${picture.top} now=${now} close=${closePanel} />`}
        ${(then || run.value.state === 'live') && html`<${Attention} top=${picture.top} pick=${pick} now=${now} />`}
        <${Latest} crashes=${crashes} now=${now} />
        <section class="totals" aria-labelledby="totals-title"><h2 id="totals-title">In all</h2><div class="numbers">
          <${Number} value=${told.crash_count} name="crashes" /><${Number} value=${summary.recoveries} name="recoveries" />
          <${Number} value=${told.restarts} name="restarts" /><${Number} value=${summary.retried} name="tasks retried" />
          <${Number} value=${(summary.quarantined ?? 0) + (summary.given_up ?? 0) + (summary.failed ?? 0)} name="tasks failed" /><${Number} value=${summary.lost_messages} name="messages lost" />
          ${losses(summary).cancelled > 0 && html`<${Number} value=${losses(summary).cancelled} name="tasks cancelled" />`}
        </div>${told.recovery_ms && html`<p class="faint">Recovery took ${duration(told.recovery_ms.p50)} (half of them), ${duration(told.recovery_ms.max)} at most.</p>`}
        ${isLive() && !then && run.value.figures?.last && html`<p class="faint">The program: ${(run.value.figures.last.cpu_percent ?? 0).toFixed(0)} % of a core, ${(run.value.figures.last.rss_kib / 1024).toFixed(0)} MiB, ${run.value.figures.last.threads} threads.</p>`}</section>
      </aside>
    </div>`
}
