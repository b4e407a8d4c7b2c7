// One crash, whole: the same account as `steward show` gives, with the decision drawn as steps.
import { useState } from 'preact/hooks'
import { get } from './api.js'
import { html } from './html.js'
import { EventLine } from './eventline.js'
import { Ladder } from './ladder.js'
import { Fact, Foreign, Moment, Path, Trouble, Waiting } from './parts.js'
import { go, to } from './route.js'
import { run, setMoment, useLive } from './state.js'
import { bytes, causeLine, duration, many, seen, toUs } from './text.js'

// Where an account cannot be had, what the crash itself tells is shown.
const load = (id) => async (over) => {
  try {
    return await get(`crashes/${encodeURIComponent(id)}/account`, {}, over)
  } catch (problem) {
    if (problem.status !== 404) throw problem
    return { crash: await get(`crashes/${encodeURIComponent(id)}`, {}, over), bare: true }
  }
}

// `where`: those that tell most, as the server picks them; all of them are shown when they are asked for.
const Frames = ({ where, frames }) => {
  const [all, setAll] = useState(false)
  const shown = all || !where ? frames.map((frame, i) => [`#${i}`, frame]) : where.map((line) => /^(#\d+) *(.*)$/s.exec(line)?.slice(1) ?? ['', line])
  return html`<ol class="frames">${shown.map(([number, frame]) => html`<li key=${number}><span class="faint">${number}</span> <${Foreign} text=${frame} most=${160} lines=${false} tag="code" /></li>`)}</ol>
    ${where && where.length < frames.length && html`<button class="small" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Show only the telling ones' : `Show all ${frames.length} frames`}</button>`}`
}

const Written = ({ name, lines }) => lines?.length > 0 && html`<section><h2>${name}</h2><pre class="written" tabindex="0" aria-label=${name}>${lines.map((line) => html`<${Foreign} text=${line} most=${240} tag="div" />`)}</pre></section>`

const fates = {
  requeued: 'runs again on another worker', failed: 'failed', quarantined: 'is not run again: it killed a worker each time', cancelled: 'was cancelled', none: '',
}

export function Crash({ part: id }) {
  const { data, problem } = useLive(load(id), [id])
  const number = Number(/^c-(\d+)$/.exec(id)?.[1] ?? 0)
  const near = (n) => (n >= 1 && n <= (run.value.crash_count ?? 0) ? `c-${String(n).padStart(4, '0')}` : null)
  const [before, after] = [near(number - 1), near(number + 1)]
  const head = html`<div class="bar"><h1>${seen(id)}</h1>
    <nav class="verbs" aria-label="Crashes">${before && html`<a class="button" href=${to('crashes', before)}>Before: ${before}</a>`}${after && html`<a class="button" href=${to('crashes', after)}>Next: ${after}</a>`}<a class="button" href=${to('crashes')}>All</a></nav></div>`
  if (!data) return html`${head}${problem ? html`<${Trouble} problem=${problem} what="This crash cannot be told of" />` : html`<${Waiting} />`}`
  const { crash, child, alike } = data
  const { cause } = crash
  const ref = toUs(crash.at)
  const look = (view) => { setMoment(crash.seq, toUs(crash.at)); go(view, '', { child: view === 'overview' ? crash.place ?? crash.path : crash.path }) }
  return html`<article class="crash" data-crash=${crash.id}>${head}
    <p class="lead"><${Path} path=${crash.path} />${crash.incarnation ? `, incarnation ${crash.incarnation}` : ''}${child?.type ? html`, ${seen(child.kind)} of ${seen(child.type)}` : ''}${crash.runs_in ? `, in a ${seen(crash.runs_in)}` : ''}${crash.pid ? `, pid ${crash.pid}` : ''}</p>
    <p class="why"><strong><${Foreign} text=${causeLine(cause)} /></strong></p>
    <${Trouble} problem=${problem} />
    <div class="columns-2"><div>
      <dl class="facts">
        <${Fact} name="When"><${Moment} time=${crash.at} at=${crash.seq} digits=${6} />, event ${crash.seq}<//>
        ${data.meaning && html`<${Fact} name="Means"><${Foreign} text=${data.meaning} /><//>`}
        ${data.author && html`<${Fact} name="By"><${Foreign} text=${data.author} /><//>`}
        ${crash.text && html`<${Fact} name="While"><${Foreign} text=${crash.text} /><//>`}
        ${cause.message && cause.class !== 'exception' && html`<${Fact} name="Said"><${Foreign} text=${cause.message} /><//>`}
        ${crash.task && html`<${Fact} name="In hand">task ${crash.task.id} <${Foreign} text=${`${crash.task.name ?? ''}(${crash.task.args ?? ''})`} most=${200} />, attempt ${crash.task.attempt ?? 1}${crash.task.attempts ? ` of ${crash.task.attempts}` : ''}${crash.task.ran_ms !== undefined ? `, ran ${duration(crash.task.ran_ms)}` : ''}<//>`}
        ${crash.task_fate && crash.task_fate !== 'none' && html`<${Fact} name="Its task">${seen(fates[crash.task_fate] ?? crash.task_fate)}<//>`}
        ${(crash.up_ms !== undefined || cause.rss_peak_kib) && html`<${Fact} name="Used">${[crash.up_ms !== undefined && `up for ${duration(crash.up_ms)}`, cause.rss_peak_kib && `at its peak ${bytes(cause.rss_peak_kib)}`, cause.cpu_ms !== undefined && `${duration(cause.cpu_ms)} of processor time`].filter(Boolean).join(', ')}<//>`}
        ${crash.kept > 0 && html`<${Fact} name="Kept">${many(crash.kept, 'message')} that waited<//>`}
        ${crash.lost > 0 && html`<${Fact} name="Lost">${many(crash.lost, 'message')} in hand<//>`}
        ${alike && html`<${Fact} name="Alike"><a href=${to('crashes', '', { alike: alike.fingerprint })}>${alike.fingerprint}</a>: seen ${many(alike.count, 'time')}, first <a href=${to('crashes', alike.first_id)}>${alike.first_id}</a>, last <a href=${to('crashes', alike.last_id)}>${alike.last_id}</a>; ${data.alike_before ?? 0} before this one<//>`}
      </dl>
      ${cause.frames?.length > 0 && html`<section><h2>Where</h2><${Frames} where=${data.where} frames=${cause.frames} /></section>`}
      <${Written} name="Last lines on stderr" lines=${cause.stderr} /><${Written} name="Last lines on stdout" lines=${data.stdout} />
    </div><div>
      <section><h2>Decided</h2><${Ladder} crash=${crash} ladder=${data.ladder ?? []} /></section>
      ${data.before?.length > 0 && html`<section><h2>Before</h2><ol class="log">${data.before.map((event) => html`<${EventLine} key=${event.seq} event=${event} now=${ref} short />`)}</ol></section>`}
      ${data.after?.length > 0 && html`<section><h2>After</h2><ol class="log">${data.after.map((event) => html`<${EventLine} key=${event.seq} event=${event} now=${ref} short />`)}</ol></section>`}
      <section><h2>Look</h2><p class="verbs"><button onClick=${() => look('overview')}>The tree as it was then</button><button onClick=${() => look('timeline')}>On the timeline</button><a class="button" href=${to('events', '', { actor: crash.path })}>Events of this child</a></p></section>
      ${data.bare && html`<p class="faint">The server has no full account of it.</p>`}
    </div></div></article>`
}
