// Timeline: a lane a child. The cursor is the moment that the whole page looks at; without one it follows what comes.
import { effect } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { html } from './html.js'
import { Trouble } from './parts.js'
import { go, route, to } from './route.js'
import { Scrubber } from './scrubber.js'
import { generation, isLive, moment, pulse, run } from './state.js'
import { clock, count, many, seen, statusWords, whenLong } from './text.js'

// Keeps a scrubber for the elements, and hands it what comes from outside: events, sizes, colours, wheels.
function useScrubber(prefix) {
  const [, setTurn] = useState(0)
  const [says, setSays] = useState('')
  const [resting, setResting] = useState(null) // the server's picture of the moment
  const held = useRef(null)
  const refs = { scroll: useRef(null), inner: useRef(null), canvas: useRef(null), strip: useRef(null) }
  useEffect(() => {
    const parts = Object.fromEntries(Object.entries(refs).map(([name, ref]) => [name, ref.current]))
    const m = held.current = new Scrubber(prefix, parts, { changed: () => setTurn((n) => n + 1), says: setSays, rests: setResting })
    if (m.cursor !== null) m.set(m.cursor, /^\d+$/.test(moment.value.at) ? moment.value.at : null)
    const fresh = effect(() => { if (pulse.value >= 0) m.refresh(true) })
    // While it follows, time goes on without events, too.
    const ticking = setInterval(() => { if (m.cursor === null && isLive() && !document.hidden) m.refresh(true) }, 1000)
    const theme = matchMedia('(prefers-color-scheme: dark)')
    const recolour = () => m.recolour()
    const moved = () => m.refresh()
    const wheel = (event) => {
      if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return
      event.preventDefault()
      if (event.ctrlKey) m.zoom(1.0015 ** event.deltaY, m.timeAt(event))
      else m.pan(((event.deltaX || event.deltaY) / (parts.canvas.clientWidth - m.labels())) * (m.to - m.from))
    }
    const sizes = new ResizeObserver(moved)
    sizes.observe(parts.canvas)
    theme.addEventListener('change', recolour)
    parts.scroll.addEventListener('scroll', moved, { passive: true })
    parts.scroll.addEventListener('wheel', wheel, { passive: false })
    return () => {
      m.close()
      fresh()
      clearInterval(ticking)
      sizes.disconnect()
      theme.removeEventListener('change', recolour)
      parts.scroll.removeEventListener('scroll', moved)
      parts.scroll.removeEventListener('wheel', wheel)
    }
  }, [prefix, generation.value])
  // The banner's way back to now takes the cursor away, too.
  useEffect(() => { if (moment.value === null && held.current?.cursor !== null) held.current?.release() }, [moment.value])
  return { held, refs, says, resting }
}

// Moves the moment on by itself, `speed` times as fast as it was.
function usePlaying(held) {
  const [speed, setSpeed] = useState(0)
  useEffect(() => {
    const m = held.current
    if (!speed || !m) return
    if (m.cursor === null || m.cursor >= m.end()) m.set(m.lanes.began)
    // Who wants little motion gets four pictures a second.
    const each = matchMedia('(prefers-reduced-motion: reduce)').matches ? 250 : 0
    let before = performance.now()
    let frame = 0
    const step = (now) => {
      if (now - before >= each) {
        const next = m.cursor + (now - before) * 1000 * speed
        before = now
        m.set(next)
        if (next >= m.end()) return setSpeed(0)
      }
      frame = requestAnimationFrame(step)
    }
    frame = requestAnimationFrame(step)
    return () => cancelAnimationFrame(frame)
  }, [speed])
  return [speed, setSpeed]
}

export function Timeline() {
  const [prefix, setPrefix] = useState(route.value.params.get('path') ?? '')
  const { held, refs, says, resting } = useScrubber(prefix)
  const [speed, setSpeed] = usePlaying(held)
  const dragging = useRef(false)
  const m = held.current
  const by = (does) => () => { if (held.current) does(held.current) }

  const drag = (event) => {
    if (event.button !== 0 || !m) return
    const lane = m.laneAt(event)
    if (m.onLabels(event)) return m.select(lane)
    if (lane >= 0) m.selected = lane
    event.currentTarget.setPointerCapture(event.pointerId)
    dragging.current = true
    setSpeed(0)
    m.set(m.timeAt(event))
  }
  const dragged = (event) => { if (dragging.current) held.current?.set(held.current.timeAt(event)) }
  const dropped = () => { dragging.current = false }
  const onStrip = (event) => {
    const us = event.buttons === 1 ? m?.stripTimeAt(event) : null
    if (us === null || us === undefined) return
    event.currentTarget.setPointerCapture(event.pointerId)
    refs.scroll.current.focus({ preventScroll: true }) // where the keys are
    setSpeed(0)
    m.set(us)
  }
  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !m) return
    const step = (m.to - m.from) / (event.shiftKey ? 10 : 100)
    const from = m.cursor ?? m.end()
    const does = {
      ArrowLeft: () => m.set(from - step), ArrowRight: () => m.set(from + step), Home: () => m.set(m.lanes.began), End: () => m.set(m.end()),
      ArrowUp: () => m.select(m.selected - 1), ArrowDown: () => m.select(m.selected + 1), PageUp: () => m.select(m.selected - 10), PageDown: () => m.select(m.selected + 10),
      n: () => m.crash(true), p: () => m.crash(false), '+': () => m.zoom(0.5), '=': () => m.zoom(0.5), '-': () => m.zoom(2), 0: () => m.whole(),
      '?': () => m.on.says(document.getElementById('timeline-keys').textContent),
      ' ': () => setSpeed(speed ? 0 : 1), Escape: () => m.release(), Enter: () => { if (m.lane()) go('overview', '', { child: m.lane().path }) },
    }[event.key]
    if (!does) return
    event.preventDefault()
    if (event.key !== ' ') setSpeed(0)
    does()
  }

  const cursor = m?.cursor ?? null
  const lanes = m?.lanes
  return html`
    <div class="bar"><h1>Timeline</h1>
      <label>Path <input type="search" value=${prefix} placeholder="/root" onChange=${(event) => setPrefix(event.target.value)} /></label>
      <span class="verbs" role="group" aria-label="Zoom"><button onClick=${by((s) => s.zoom(0.5))}>Closer</button><button onClick=${by((s) => s.zoom(2))}>Wider</button><button onClick=${by((s) => s.whole())}>All</button></span>
      <span class="verbs" role="group" aria-label="Crashes"><button onClick=${by((s) => s.crash(false))}>Crash before</button><button onClick=${by((s) => s.crash(true))}>Next crash</button></span>
      <span class="verbs" role="group" aria-label="Play">${[1, 10].map((each) => html`<button aria-pressed=${speed === each} onClick=${() => setSpeed(speed === each ? 0 : each)}>${each === 1 ? 'Play 1×' : '10×'}</button>`)}</span>
    </div>
    <${Trouble} problem=${lanes?.problem} what="The timeline could not be had" />
    ${lanes?.missing > 0 && html`<p class="faint">${many(lanes.missing, 'event')} of this run cannot be had any more; what they told is missing here.</p>`}
    <canvas class="strip" ref=${refs.strip} role="img" aria-label=${`The whole run: ${many(run.value?.crash_count ?? 0, 'crash', 'crashes')}${lanes?.began ? `, since ${clock(lanes.began)}` : ''}`} onPointerDown=${onStrip} onPointerMove=${onStrip}></canvas>
    <div class="lanes" ref=${refs.scroll} role="slider" tabindex="0" aria-label="Moment" aria-orientation="horizontal" aria-valuenow="0" ...${m ? m.slider() : {}} aria-describedby="timeline-keys"
      data-lanes=${lanes?.total ?? 0} data-from=${m?.from ?? 0} data-to=${m?.to ?? 0} onKeyDown=${keys} onPointerDown=${drag} onPointerMove=${dragged} onPointerUp=${dropped} onPointerCancel=${dropped}>
      <div class="inner" ref=${refs.inner}><canvas class="canvas" ref=${refs.canvas}></canvas></div>
    </div>
    <p class="says" role="status" aria-live="polite">${says || m?.laneSays()}</p>
    <p class="faint" id="timeline-keys">Arrows move the moment and the lane, with Shift faster; <kbd>n</kbd> and <kbd>p</kbd> go to the next crash and the one before, <kbd>+</kbd> <kbd>-</kbd> <kbd>0</kbd> zoom, <kbd>Space</kbd> plays, <kbd>Enter</kbd> shows the child as it was, <kbd>Esc</kbd> goes back to ${isLive() ? 'now' : 'the end'}.</p>
    <${Legend} />
    ${cursor !== null && html`<${Then} resting=${resting} cursor=${cursor} lane=${m.lane()} />`}`
}

const Legend = () => html`<ul class="legend" aria-label="What the marks mean">
  ${['up', 'starting', 'restarting', 'parked', 'stopping', 'stopped', 'gave_up'].map((status) => html`<li><span class=${`swatch is-${status}`} aria-hidden="true"></span>${{ restarting: 'restarting, in back-off', stopped: 'stopped or ended' }[status] ?? statusWords[status]}</li>`)}
  <li><span class="swatch is-crash" aria-hidden="true"></span>crash</li><li><span class="swatch is-group" aria-hidden="true"></span>restarted together</li></ul>`

// What the server says of the moment, once the cursor rests.
const Then = ({ resting, cursor, lane }) => {
  if (resting?.problem) return html`<${Trouble} problem=${resting.problem} what="The tree as it was then could not be had" />`
  const counts = {}
  let total = 0
  const walk = (nodes) => {
    for (const node of nodes ?? []) {
      if (node.kind !== 'supervisor') { counts[node.status] = (counts[node.status] ?? 0) + 1; total += 1 }
      walk(node.children)
    }
  }
  walk(resting?.tree?.children)
  const each = Object.entries(counts).map(([status, n]) => `${count(n)} ${statusWords[status] ?? seen(status)}`).join(', ')
  return html`<section class="then" aria-labelledby="then-title" data-at=${resting?.at ?? ''}><h2 id="then-title">At ${whenLong(cursor)}</h2>
    <p>${resting ? `${count(total)} children and workers: ${each}.` : 'Asking the server …'} <a href=${to('overview', '', lane ? { child: lane.path } : {})}>The tree as it was then</a></p></section>`
}
