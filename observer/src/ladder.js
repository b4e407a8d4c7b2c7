// What was decided about a crash, and what comes if it goes on: drawn as steps that lead up to the root.
import { html } from './html.js'
import { Foreign, Path } from './parts.js'
import { run } from './state.js'
import { duration, listed, seen } from './text.js'

function decided(crash) {
  const { decision } = crash
  if (!decision) return [run.value?.died ? 'nothing, since the program itself died' : 'nothing that is told']
  const delay = decision.delay_ms > 0 ? `after ${duration(decision.delay_ms)}` : 'at once'
  const budget = decision.limit !== undefined && decision.restarts !== undefined
    ? ` ${decision.restarts} of ${decision.limit}${decision.period_ms ? ` in ${duration(decision.period_ms)}` : ''}` : ''
  const words = { restart: `restart${budget}, ${delay}`, retry: `another try${budget}, ${delay}`, resume: 'it goes on', none: 'nothing', stop: 'it stays down', give_up: `its budget is spent (${budget.trim()}): it gives up`, escalate: `the budget is spent (${budget.trim()}): its supervisor fails`, park: 'it is parked', end: 'it ends', replaced: 'there is another worker in its place already', wait: 'another worker is on its way' }
  return [
    words[decision.action] ?? seen(decision.action),
    ...(decision.strategy ? [`the strategy is ${seen(decision.strategy)}`] : []),
    ...(decision.also?.length > 0 ? [`with it: ${listed(decision.also.map((path) => seen(path)), 8)}`] : []),
  ]
}

const Step = ({ kind, title, children }) => html`<li class=${`step is-${kind}`}><span class="dot" aria-hidden="true"></span><div><strong>${title}</strong> ${children}</div></li>`

export function Ladder({ crash, ladder }) {
  const [first, ...others] = decided(crash)
  const over = run.value?.state !== 'live'
  const stays = ['stop', 'end', 'give_up', 'escalate'].includes(crash.decision?.action)
  return html`<ol class="ladder">
    <${Step} kind="crash" title="It died"><${Path} path=${crash.path} /><//>
    <${Step} kind="done" title=${`Decided: ${first}`}>${others.map((line) => html`<div>${line}</div>`)}<//>
    ${crash.recovery_ms !== undefined ? html`<${Step} kind="good" title=${`Ready again after ${duration(crash.recovery_ms)}`} />`
      : html`<${Step} kind="open" title="Not ready again">${crash.decision?.action === 'restart' ? 'as far as is told' : ''}<//>`}
    ${ladder.length > 0 && html`<${Step} kind="if" title=${over || stays ? 'Then, if it had crashed again:' : 'If it crashes again:'} />`}
    ${ladder.map((line, i) => html`<${Step} key=${i} kind=${/gives up|the run ends|is parked|stays down|ends with/.test(line) ? 'end' : 'next'} title=""><${Foreign} text=${line} most=${400} /><//>`)}
  </ol>`
}
