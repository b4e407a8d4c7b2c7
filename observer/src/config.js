// Config: the values that count, and where each came from.
import { useState } from 'preact/hooks'
import { get } from './api.js'
import { reload, shutdown } from './dialog.js'
import { html } from './html.js'
import { usePicture } from './overview.js'
import { Budget, Empty, Fact, Foreign, Path, Trouble, Waiting } from './parts.js'
import { canOperate, newest, run, useLive } from './state.js'
import { duration, many, seen } from './text.js'

const flat = (node, depth = 0) => [{ ...node, depth }, ...(node.children ?? []).flatMap((child) => flat(child, depth + 1))]
const fileOf = (place) => place.replace(/^.*\//, '')

// What its restarts come to, in a sentence.
const restartWords = (each) => [
  each.ever === false ? `${seen(each.who)}: never` : `${seen(each.who)}: ${seen(each.ladder ?? '')}`,
  each.limit && `at most ${each.limit.restarts}${each.limit.within_ms ? ` in ${duration(each.limit.within_ms)}` : ''}`,
  Number.isFinite(each.gives_up_after_ms) && `spent at the earliest after ${duration(each.gives_up_after_ms)}`,
  each.consequence && `then ${seen(each.consequence)}`,
].filter(Boolean).join('; ')

const Planned = ({ plan, defaults, find }) => {
  const low = find.toLowerCase()
  const nodes = flat(plan.tree).filter((node) => !low || node.path.toLowerCase().includes(low) || (node.values ?? []).some((value) => `${value.field} ${value.value}`.toLowerCase().includes(low)))
  return html`${nodes.slice(0, 300).map((node) => {
    const values = (node.values ?? []).filter((value) => defaults || value.from !== 'default')
    return html`<section key=${node.path} class="plan" data-path=${node.path} aria-label=${seen(node.path)}>
      <h3><${Path} path=${node.path} /> <span class="faint">${[node.kind, node.runs_in && `in ${node.runs_in}`, node.workers !== undefined && many(node.workers, 'worker')].filter(Boolean).map((word) => seen(word)).join(', ')}</span></h3>
      ${values.length > 0 ? html`<div class="wide" tabindex="0" role="region" aria-label=${`Values of ${seen(node.path)}`}><table class="list values"><thead class="unseen"><tr><th scope="col">Key</th><th scope="col">Value</th><th scope="col">From</th></tr></thead><tbody>
        ${values.map((value) => html`<tr key=${value.field} class=${value.from === 'default' ? 'is-default' : ''}><th scope="row">${seen(value.field)}</th><td><${Foreign} text=${value.value} most=${200} tag="code" /></td><td class="faint" title=${seen(value.from)}>${seen(fileOf(value.from))}</td></tr>`)}</tbody></table></div>` : html`<p class="faint">All at their defaults.</p>`}
      ${(node.restarts ?? []).map((each) => html`<p class="faint">${restartWords(each)}</p>`)}
    </section>`
  })}
  ${nodes.length === 0 && html`<${Empty}>Nothing is like that.<//>`}
  ${nodes.length > 300 && html`<p class="faint">and ${nodes.length - 300} more: narrow the search.</p>`}`
}

// Without a plan, what the tree itself tells.
const Told = ({ find }) => {
  const { picture, problem } = usePicture()
  if (!picture) return html`<${Trouble} problem=${problem} />`
  const nodes = []
  picture.top.each((node) => { if (node.parent && node.data.kind !== 'worker' && node.data.path.toLowerCase().includes(find.toLowerCase())) nodes.push(node.data) })
  nodes.sort((a, b) => (a.path < b.path ? -1 : 1))
  return html`${nodes.slice(0, 300).map((child) => html`<section key=${child.path} class="plan" data-path=${child.path} aria-label=${seen(child.path)}>
    <h3><${Path} path=${child.path} /> <span class="faint">${[child.kind, child.type, child.runs_in].filter(Boolean).map((word) => seen(word)).join(', ')}</span></h3>
    <dl class="facts">
      ${child.restart && html`<${Fact} name="Restart">${seen(child.restart)}<//>`}
      ${child.strategy && html`<${Fact} name="Strategy">${seen(child.strategy)}${child.makes ? `, makes ${seen(child.makes)}s` : ''}<//>`}
      ${child.own && html`<${Fact} name="Own budget"><${Budget} budget=${child.own} now=${newest()} />, then ${seen(child.on_spent ?? 'escalate')}<//>`}
      ${child.below && html`<${Fact} name="Budget below"><${Budget} budget=${child.below} now=${newest()} /><//>`}
      ${(child.backoff ?? child.worker_backoff) && html`<${Fact} name="Back-off">${(({ min_ms: min, max_ms: max, factor, healthy_ms: healthy }) => `at once, ${duration(min)}, then ${factor} times longer, up to ${duration(max)}; anew after ${duration(healthy)}`)(child.backoff ?? child.worker_backoff)}<//>`}
      ${child.pool?.workers !== undefined && html`<${Fact} name="Workers">${child.pool.workers}${child.pool.least_workers !== child.pool.most_workers ? `, ${child.pool.least_workers} to ${child.pool.most_workers}` : ''}<//>`}
    </dl></section>`)}
    ${nodes.length > 300 && html`<p class="faint">and ${nodes.length - 300} more: narrow the search.</p>`}`
}

export function Config() {
  const [defaults, setDefaults] = useState(false)
  const [find, setFind] = useState('')
  const { data, problem } = useLive((over) => get('plan', {}, over), [run.value.reloads ?? 0], { still: true })
  const { scenario = {} } = run.value
  return html`
    <div class="bar"><h1>Config</h1>
      <label>Find <input type="search" value=${find} placeholder="path or key" onInput=${(event) => setFind(event.target.value)} /></label>
      ${data && html`<label class="check"><input type="checkbox" checked=${defaults} onChange=${(event) => setDefaults(event.target.checked)} /> Show defaults</label>`}
      ${canOperate() && html`<span class="verbs"><button onClick=${reload}>Reload</button><button class="grave" onClick=${() => shutdown(scenario.name ?? run.value.name)}>Shut down</button></span>`}
    </div>
    <dl class="facts">
      <${Fact} name="Scenario">${seen(scenario.name ?? run.value.name)}<//>
      ${(scenario.file ?? data?.file) && html`<${Fact} name="File"><${Foreign} text=${scenario.file ?? data.file} /><//>`}
      ${scenario.seed !== undefined && html`<${Fact} name="Seed">${scenario.seed}${data?.seed === 0 ? ', another one for each run' : ''}<//>`}
      ${data?.steps !== undefined && html`<${Fact} name="Steps">${data.steps}<//>`}
    </dl>
    ${problem?.status === 404 ? html`<p class="note">There is no plan of this run: ${seen(problem.body?.detail ?? problem.message)}. This is what its tree tells.</p><${Told} find=${find} />`
      : problem ? html`<${Trouble} problem=${problem} />` : !data ? html`<${Waiting} />` : html`<${Planned} plan=${data} defaults=${defaults} find=${find} />`}`
}
