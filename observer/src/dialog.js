// Operations: what may be done with a thing, what it will do in words, and the dialog that asks once.
import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { get, inUrl, post } from './api.js'
import { html } from './html.js'
import { canOperate, generation } from './state.js'
import { listed, many, seen } from './text.js'

export const asking = signal(null)

// Opens the dialog. `from` is the element that gets the focus back.
export const ask = (operation) => { asking.value = { ...operation, from: document.activeElement } }

const verbNames = { restart: 'Restart', stop: 'Stop', start: 'Start', kill: 'Kill', park: 'Park', revive: 'Revive' }

// What can be done with a child as it is; the server has the last word.
export function verbsOf(child) {
  if (child.kind === 'worker') return child.living ? ['kill'] : []
  const root = !child.parent
  const verbs = []
  if (child.status === 'parked') verbs.push('revive')
  else if (['up', 'starting'].includes(child.status)) verbs.push('restart', 'stop')
  else if (['stopped', 'ended', 'idle', 'gave_up'].includes(child.status)) verbs.push('start')
  else if (child.status === 'restarting') verbs.push('stop')
  if (child.living) verbs.push('kill')
  if (['up', 'starting', 'restarting'].includes(child.status)) verbs.push('park')
  return root ? [] : verbs
}

const named = (children) => listed(children.map((child) => seen(child.path)))

// What a crash of this child makes its supervisor do.
function afterCrash(child, parent, siblings) {
  if (child.kind === 'worker') return `Its pool ${seen(child.parent)} starts another process in its place; a task in its hands is run again if it has attempts left.`
  if (child.restart === 'temporary') return `It is temporary: ${seen(child.parent)} does not restart it.`
  const strategy = parent?.strategy ?? 'one_for_one'
  const others = siblings.filter((other) => other.path !== child.path && other.living)
  const touched = strategy === 'one_for_all' ? others : strategy === 'rest_for_one' ? others.filter((other) => other.order > child.order) : []
  const who = touched.length > 0 ? `restarts ${named([child, ...touched])}` : 'restarts this child alone'
  return `${seen(child.parent)} ${who}: ${strategy}. The restart counts against its budget.`
}

// What the operation will do, in words. `parent` and `siblings` are as the tree tells them.
export function consequence(verb, child, parent, siblings = []) {
  const name = seen(child.path)
  const below = child.kind === 'supervisor' ? ', with all that is below it' : child.kind === 'pool' ? ', with its workers' : ''
  switch (verb) {
    case 'restart':
      return [`Stops ${name}${below}, in order and within its limits, and starts it again.`,
        'Its siblings go on, and no budget is charged.']
    case 'stop':
      return [`Stops ${name}${below}, in order and within its limits.`, 'It stays down until it is started by hand.']
    case 'start':
      return [`Starts ${name}${below}.`]
    case 'kill':
      return [`Ends ${name} at once${below}, as a crash would.`, afterCrash(child, parent, siblings)]
    case 'park':
      return [`Takes ${name} down${below}. Messages that wait are kept.`, 'It stays down until it is revived by hand; the rest of the tree goes on.']
    default:
      return [`Brings ${name} back${below}, with the messages that were kept.`]
  }
}

export const operate = (verb, child, parent, siblings) =>
  ask({
    title: `${verbNames[verb]} ${seen(child.path)}?`,
    says: consequence(verb, child, parent, siblings),
    act: verbNames[verb],
    grave: verb === 'kill' || verb === 'stop',
    does: () => post(`children/${inUrl(child.path)}/${verb}`),
  })

export const resize = (pool) =>
  ask({
    title: `Resize ${seen(pool.path)}`,
    says: [`It has ${many(pool.pool?.workers ?? 0, 'worker')} now.`, 'More are started at once. With fewer, workers end when they are through with their task.'],
    number: { label: 'Workers', value: pool.pool?.workers ?? 0 },
    act: 'Resize',
    does: (workers) => post(`pools/${inUrl(pool.path)}/resize`, { workers }),
  })

export const shutdown = (name) =>
  ask({
    title: `Shut down ${seen(name)}?`,
    says: ['Stops the whole run in order: all children, the last started first. The program ends then, and this page with it.'],
    act: 'Shut down',
    grave: true,
    does: () => post('shutdown'),
  })

// First only asks what would change, then asks whether it is to be done.
export const reload = async () => {
  const from = document.activeElement
  const waiting = asking.value = { title: 'Reload the scenario', says: ['Asking what would change …'], from, does: null }
  try {
    const told = await post('reload', { dry_run: true })
    if (asking.value !== waiting) return
    const changes = told.changes ?? []
    asking.value = {
      title: 'Reload the scenario',
      says: [seen(told.text), ...changes.map((change) => `${seen(change.path)}: ${seen(change.what)}${change.waits_for ? `; waits for ${seen(change.waits_for)}` : '; at once'}`)],
      act: 'Reload', from,
      does: () => post('reload', {}),
    }
  } catch (problem) {
    if (asking.value === waiting) asking.value = { title: 'Reload the scenario', says: ['This cannot be reloaded.'], failed: problem, from, does: null }
  }
}

const Faults = ({ problem }) => html`<div class="outcome is-bad" role="alert"><p>${seen(problem.message)}</p>
  ${problem.body?.faults?.length > 0 && html`<ul>${problem.body.faults.map((fault) => html`<li><pre>${seen(fault, true)}</pre></li>`)}</ul>`}</div>`

// The dialog itself. The browser's own <dialog> keeps the focus inside and closes with Escape.
export function Dialog() {
  const what = asking.value
  const box = useRef(null)
  const [state, setState] = useState({ step: 'ask' })
  const [number, setNumber] = useState(0)
  useEffect(() => {
    if (!what) return
    setState({ step: 'ask' })
    if (what.number) setNumber(what.number.value)
    if (!box.current.open) box.current.showModal()
  }, [what])
  useEffect(() => { if (asking.value) box.current?.close() }, [generation.value])
  // What was pressed is gone when it is over; the focus goes to what closes the dialog.
  useEffect(() => { if (state.step === 'done' || state.step === 'failed') box.current?.querySelector('button[type=button]')?.focus() }, [state.step])
  const closed = () => {
    const from = asking.value?.from
    asking.value = null
    // Where what was pressed is gone by now, the focus goes to what is there for the same child, or to the view.
    const next = from?.isConnected && from !== document.body ? from : document.querySelector('.panel h2, .pool h2') ?? document.getElementById('main')
    next?.focus()
  }
  const carryOut = async (event) => {
    event.preventDefault()
    if (!what.does || state.step !== 'ask') return
    setState({ step: 'doing' })
    try {
      const told = await what.does(number)
      setState({ step: 'done', text: told.text })
    } catch (problem) {
      setState({ step: 'failed', problem })
    }
  }
  const failed = state.step === 'failed' ? state.problem : what?.failed
  const open = state.step === 'ask' || state.step === 'doing'
  return html`<dialog ref=${box} onClose=${closed} aria-labelledby="dialog-title">
    ${what && html`<form method="dialog" onSubmit=${carryOut}>
      <h2 id="dialog-title">${what.title}</h2>
      ${what.says.map((sentence) => html`<p>${sentence}</p>`)}
      ${what.number && open && html`<label class="field">${what.number.label} <input type="number" min="0" max="10000" required value=${number} onInput=${(event) => setNumber(event.target.valueAsNumber)} /></label>`}
      ${state.step === 'done' && html`<p class="outcome is-good" role="status">${seen(state.text)}</p>`}
      ${failed && html`<${Faults} problem=${failed} />`}
      <div class="buttons">
        <button type="button" autofocus=${!what.number} onClick=${() => box.current.close()}>${open && what.does ? 'Cancel' : 'Close'}</button>
        ${open && what.does && html`<button type="submit" class=${what.grave ? 'grave' : 'strong'} disabled=${state.step === 'doing' || !canOperate()}>${state.step === 'doing' ? 'Working …' : what.act}</button>`}
      </div>
    </form>`}
  </dialog>`
}

// What can be done changes with what the child is. Where the button that has the focus goes away, its heading gets it.
function useKeptFocus() {
  const group = useRef(null)
  const held = useRef(false)
  useEffect(() => {
    if (!held.current || asking.value || document.activeElement !== document.body) return
    held.current = false
    group.current?.closest('section')?.querySelector('h2')?.focus()
  })
  const left = ({ target }) => setTimeout(() => { if (target.isConnected && !group.current?.contains(document.activeElement)) held.current = false })
  return { ref: group, onFocusIn: () => { held.current = true }, onFocusOut: left }
}

export const Verbs = ({ child, parent, siblings }) => {
  const kept = useKeptFocus()
  if (!canOperate()) return null
  const verbs = verbsOf(child)
  return html`<div class="verbs" role="group" ...${kept} aria-label=${`Operations on ${seen(child.path)}`}>
    ${verbs.map((verb) => html`<button key=${verb} class=${verb === 'kill' ? 'grave' : ''} onClick=${() => operate(verb, child, parent, siblings)}>${verbNames[verb]}</button>`)}
    ${child.kind === 'pool' && html`<button key="resize" onClick=${() => resize(child)}>Resize</button>`}
  </div>`
}
