// The page: its head, the views, and which of them is shown.
import { render } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import './page.css'
import { Config } from './config.js'
import { Crash } from './crash.js'
import { Crashes } from './crashes.js'
import { Dialog } from './dialog.js'
import { Events } from './events.js'
import { html } from './html.js'
import { Overview } from './overview.js'
import { Pools } from './pools.js'
import { route, to } from './route.js'
import { begin, beat, generation, isLive, link, missed, moment, run, setMoment } from './state.js'
import { count, duration, many, seen, toUs, when, whenLong } from './text.js'
import { Timeline } from './timeline.js'

const views = { overview: Overview, timeline: Timeline, crashes: Crashes, pools: Pools, events: Events, config: Config }
const names = { overview: 'Overview', timeline: 'Timeline', crashes: 'Crashes', pools: 'Pools', events: 'Events', config: 'Config' }

const runState = () => {
  const told = run.value
  if (!told) return ''
  if (link.value.state === 'ended') return 'has ended'
  if (told.state === 'lost') return 'was killed, its end is not told'
  if (told.state === 'over') return `over since ${whenLong(toUs(told.ended ?? told.now)).slice(0, 19)}, after ${duration((toUs(told.ended ?? told.now) - toUs(told.started)) / 1000)}, exit code ${told.code ?? 0}`
  return `live for ${duration(Math.max(0, Math.floor((beat.value - toUs(told.started) / 1000) / 1000) * 1000))}`
}

const Head = () => html`
  <header>
    <div class="who">
      <strong class="mark">steward</strong>
      <span class="name"><bdi>${seen(run.value?.scenario?.name ?? run.value?.name ?? '')}</bdi></span>
      <span class="faint">${run.value?.run ?? ''} ${run.value?.pid && run.value.state === 'live' ? html`<span>pid ${run.value.pid}</span>` : ''} <span>${runState()}</span></span>
      <span class=${`link is-${link.value.state}`} role="status">${linkWords[link.value.state]}</span>
    </div>
    <nav aria-label="Views"><ul>
      ${Object.entries(names).map(([view, name]) => html`<li><a href=${to(view)} aria-current=${route.value.view === view ? 'page' : undefined}>${name}${view === 'crashes' && run.value?.crash_count ? html` <span class="badge">${count(run.value.crash_count)}</span>` : ''}</a></li>`)}
    </ul></nav>
  </header>`

const linkWords = { connecting: 'connecting', live: 'live', lost: 'not connected', refused: 'refused', ended: 'ended', over: 'a record' }

// What the reader has to know before trusting what is below.
const Banners = () => {
  const { state, problem } = link.value
  return html`<div class="banners">
    ${state === 'lost' && html`<p class="banner is-bad" role="alert"><strong>The connection is lost.</strong> What is below may be old. The page tries again by itself, and goes on without a gap.</p>`}
    ${state === 'ended' && html`<p class="banner is-note" role="alert"><strong>The run has ended, and its program with it.</strong> What is below is the last that it told. A run that kept a state directory can be looked at with <code>steward observe DIR</code>.</p>`}
    ${state === 'refused' && html`<p class="banner is-bad" role="alert"><strong>The server refuses this page${problem?.message ? `: ${seen(problem.message)}` : ''}.</strong> It does not know the page's token, so another run is there now. Open the URL that this run has printed.</p>`}
    ${missed.value > 0 && html`<p class="banner is-note" role="status">${many(missed.value, 'event')} could not be had any more after the connection was lost. <button onClick=${() => { missed.value = 0 }}>Close</button></p>`}
    ${moment.value && html`<p class="banner is-then" role="status"><span>As it was at <strong><time>${whenLong(moment.value.us)}</time></strong>${/^\d+$/.test(moment.value.at) ? `, after event ${moment.value.at}` : ''}.</span>
      ${['crashes', 'config'].includes(route.value.view) && html`<span>This view is about the whole run.</span>`}
      <button class="strong" onClick=${() => setMoment(null)}>${isLive() ? 'Back to now' : 'Back to the end'}</button></p>`}
  </div>`
}

const Page = () => {
  const { view, part } = route.value
  const main = useRef(null)
  const shown = useRef(view + part)
  const Shown = view === 'crashes' && part ? Crash : views[view]
  useEffect(() => {
    document.title = `${names[view] ?? 'Not found'} – ${seen(run.value?.scenario?.name ?? run.value?.name ?? '')} – steward`
    // Another view begins at its top, for screen readers as well.
    if (shown.current !== view + part) {
      shown.current = view + part
      main.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
  }, [view, part, run.value?.run])
  // Operations go away when nothing can be done any more; whoever had one of them in focus goes on in the view.
  useEffect(() => { if (document.activeElement === document.body) main.current?.focus({ preventScroll: true }) }, [link.value.state])
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.focus() }}>To the content</a>
    <${Head} /><${Banners} />
    <main id="main" tabindex="-1" ref=${main} data-view=${view}>
      ${!Shown ? html`<h1>There is no such view</h1><p><a href=${to('overview')}>To the overview</a></p>`
        : run.value ? html`<${Shown} key=${`${view}/${part}/${generation.value}`} part=${part} />`
        : link.value.state === 'connecting' && html`<p class="empty" role="status">Asking the server …</p>`}
    </main>
    <footer><a href="/licences.txt">Licences</a> <span class="faint">Times are those of your time zone${run.value?.started ? `; the run began ${when(run.value.started)}` : ''}.</span></footer>
    <${Dialog} />`
}

render(html`<${Page} />`, document.getElementById('page'))
begin()
