// Events: the log, with filters. While it follows, events come by a stream of their own that the server filters.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { events, follow, get } from './api.js'
import { EventLine, eventText } from './eventline.js'
import { html } from './html.js'
import { Empty, Trouble, Waiting } from './parts.js'
import { route, to } from './route.js'
import { generation, isLive, moment, newest, run } from './state.js'
import { count, many, seen, toUs } from './text.js'

const most = 400 // lines in the page
const allKinds = ['run_start', 'run_end', 'start', 'ready', 'stop', 'crash', 'hang', 'restart', 'recover', 'backoff', 'limit', 'escalate', 'give_up', 'task_retry', 'task_quarantine', 'task_fail', 'park', 'quarantine', 'dead_letter', 'config', 'operator', 'warn', 'output', 'log', 'child']

// A path stands for all that is below it, too; one with * or ? is a pattern.
const below = (actor) => (event) => !actor || /[*?]/.test(actor) || event.actor === actor || event.actor.startsWith(`${actor}/`)
const pattern = (actor) => (actor && !/[*?]/.test(actor) ? `${actor}*` : actor)

// Lines up to `upTo`, the last ones: the server gives the first ones behind a number, so it is asked in steps backwards.
export async function lastEvents(filter, upTo, wanted, over) {
  let list = []
  let end = upTo
  for (let step = Math.max(wanted, 500); end > 0 && list.length < wanted; step *= 4) {
    const after = Math.max(0, end - step)
    const told = await events({ ...filter, after, limit: step }, over)
    list = told.filter((event) => event.seq <= end).concat(list)
    end = after
  }
  return { list: list.slice(-wanted), begin: list.length > wanted ? list.at(-wanted).seq : end }
}

// The number up to which events are to be shown at a moment: for a time, that of the end of its part of the whole run.
export async function seqAt(then, over) {
  if (!then) return run.value.last_seq
  if (/^\d+$/.test(then.at)) return Number(then.at)
  const { strip } = await get('timeline', { limit: 1, from: then.at, to: then.at }, over)
  return strip.seq[Math.min(strip.seq.length - 1, Math.max(0, Math.floor((then.us - strip.from_us) / strip.step_us)))]
}
// Whether an event belongs to what is shown at a moment.
export const until = (then) => (event) => !then || (/^\d+$/.test(then.at) ? event.seq <= Number(then.at) : toUs(event.ts) <= then.us)

export function Events() {
  const { params } = route.value
  const filter = { actor: pattern(params.get('actor') ?? ''), kind: params.get('kind') ?? '', level: params.get('level') ?? 'info' }
  const text = params.get('text') ?? ''
  const then = moment.value
  const [following, setFollowing] = useState(true)
  const [state, setState] = useState({ list: null, more: false, problem: null, gap: 0, cut: false })
  const [room, setRoom] = useState(most)
  const key = JSON.stringify(filter)
  const live = following && !then && isLive()
  const store = useRef({ list: [], timer: 0 })
  const accepts = useMemo(() => below(params.get('actor') ?? ''), [key])

  useEffect(() => {
    const over = new AbortController()
    stuck.current = true
    const own = store.current = { list: [], drawn: 0, timer: 0, begin: 0, gap: 0, cut: false }
    let end = () => {}
    // Few news are drawn at once, many of them seldom.
    const show = () => { own.timer = 0; own.drawn = own.list.length; setState({ list: [...own.list], more: own.begin > 0, problem: null, gap: own.gap, cut: own.cut }) }
    const soon = () => { own.timer ||= setTimeout(show, own.list.length - own.drawn > 100 ? 300 : 50) }
    const load = async () => {
      try {
        const upTo = await seqAt(then, over.signal)
        const told = await lastEvents(filter, upTo, most, over.signal)
        own.list = told.list.filter(accepts).filter(until(then))
        own.begin = told.begin
        show()
        if (!live) return
        end = follow({ ...filter, after: upTo, run: run.value.run }, {
          event: (seq, line) => {
            const event = JSON.parse(line)
            if (!accepts(event)) return
            own.list.push(event)
            if (own.list.length > most * 5) { own.list = own.list.slice(-most * 4); own.begin = own.list[0].seq }
            soon()
          },
          open: () => { own.cut = false; soon() },
          lost: () => { own.cut = true; soon() },
          refused: () => { own.cut = true; soon() },
          gap: (told) => { own.gap += told.missing; soon() },
          reset: () => { own.list = []; own.gap = 0; own.begin = 0; soon() },
          ended: () => false,
        })
        if (over.signal.aborted) end()
      } catch (problem) {
        if (!over.signal.aborted) setState((before) => ({ ...before, list: before.list ?? [], problem }))
      }
    }
    load()
    return () => { over.abort(); end(); clearTimeout(own.timer) }
  }, [key, live, then?.at, generation.value, isLive() ? 0 : run.value.last_seq])

  // The last line is in sight at first, and stays so while it follows, unless the reader has gone up.
  const box = useRef(null)
  const stuck = useRef(true)
  useEffect(() => { if (stuck.current && box.current) box.current.scrollTop = box.current.scrollHeight }, [state.list, live, text])

  const older = async () => {
    const own = store.current
    try {
      const told = await lastEvents(filter, own.list[0] ? own.list[0].seq - 1 : own.begin, most)
      own.list = [...told.list.filter(accepts), ...own.list]
      own.begin = told.begin
      setRoom((before) => before + most)
      setState((before) => ({ ...before, list: own.list, more: own.begin > 0 }))
    } catch (problem) {
      setState((before) => ({ ...before, problem }))
    }
  }
  const set = (name) => (event) => {
    const next = Object.fromEntries(params)
    next[name] = event.target.value
    setRoom(most)
    location.hash = to('events', '', next)
  }
  const low = text.toLowerCase()
  const matching = (state.list ?? []).filter((event) => !low || `${event.actor} ${event.kind} ${seen(eventText(event), true)}`.toLowerCase().includes(low))
  const shown = matching.slice(-room)
  return html`
    <div class="bar"><h1>Events</h1>
      <label>Child <input type="search" placeholder="/root/…" value=${params.get('actor') ?? ''} onChange=${set('actor')} /></label>
      <label>Kind <select value=${filter.kind} onChange=${set('kind')}><option value="">all</option>${allKinds.map((kind) => html`<option value=${kind}>${kind.replaceAll('_', ' ')}</option>`)}</select></label>
      <label>Level <select value=${filter.level} onChange=${set('level')}>${['debug', 'info', 'warn', 'error'].map((level) => html`<option value=${level}>${level}${level === 'error' ? '' : ' and graver'}</option>`)}</select></label>
      <label>Text <input type="search" value=${text} onInput=${set('text')} /></label>
      ${isLive() && !then && html`<label class="check"><input type="checkbox" checked=${following} onChange=${(event) => setFollowing(event.target.checked)} /> Follow</label>`}
    </div>
    <p class="faint" role="status">${state.list ? `${many(matching.length, 'event')}${shown.length < matching.length ? `, the last ${count(shown.length)} shown` : ''}` : ''}${state.cut ? '; not connected, it goes on when the connection is back' : ''}${state.gap > 0 ? `; ${many(state.gap, 'event')} came faster than they could be read, and are left out` : ''}</p>
    <${Trouble} problem=${state.problem} />
    ${!state.list ? html`<${Waiting} />` : html`<div class="logbox" ref=${box} tabindex="0" role="region" aria-label="Log" onScroll=${(event) => { const { scrollTop, scrollHeight, clientHeight } = event.currentTarget; stuck.current = scrollHeight - scrollTop - clientHeight < 40 }}>
      ${(state.more || shown.length < matching.length) && html`<p class="older"><button onClick=${() => (shown.length < matching.length ? setRoom(room + most) : older())}>Show older ones</button></p>`}
      <ol class="log">${shown.map((event) => html`<${EventLine} key=${event.seq} event=${event} now=${newest()} />`)}</ol>
      ${shown.length === 0 && html`<${Empty}>No event is like that.<//>`}</div>`}`
}
