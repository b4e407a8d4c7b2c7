// One event as a line of the log.
import { html } from './html.js'
import { Foreign, Moment, Path } from './parts.js'
import { to } from './route.js'
import { causeLine, duration, seen } from './text.js'

// What an event says beside its kind and its child.
export function eventText(event) {
  const parts = []
  if (event.cause && event.cause.class !== 'none') parts.push(causeLine(event.cause))
  if (event.task) parts.push(`task ${event.task.id}${event.task.name ? ` ${event.task.name}(${event.task.args ?? ''})` : ''}, attempt ${event.task.attempt ?? 1}${event.task.attempts ? ` of ${event.task.attempts}` : ''}`)
  if (event.task_fate && event.task_fate !== 'none') parts.push(event.task_fate)
  if (event.decision) {
    const { action, restarts, limit, delay_ms: delay, also } = event.decision
    parts.push(`${action.replaceAll('_', ' ')}${limit !== undefined ? ` ${restarts} of ${limit}` : ''}${delay > 0 ? ` after ${duration(delay)}` : ''}${also?.length > 0 ? `; also ${also.slice(0, 6).join(', ')}${also.length > 6 ? ` and ${also.length - 6} more` : ''}` : ''}`)
  }
  if (event.recovery_ms !== undefined) parts.push(`${duration(event.recovery_ms)} after the crash`)
  if (event.child?.state) parts.push(`is ${event.child.state}`)
  if (event.child?.kind) parts.push([event.child.kind, event.child.type, event.child.strategy].filter(Boolean).join(' '))
  if (event.lost > 0) parts.push(`${event.lost} lost`)
  if (event.code !== undefined && event.kind === 'run_end') parts.push(`exit code ${event.code}`)
  if (event.text) parts.push(event.text)
  if (event.by) parts.push(`by ${event.by}`)
  return parts.join('; ')
}

export const EventLine = ({ event, now, short = false }) => html`<li class=${`event is-${event.level}`} data-seq=${event.seq} data-kind=${event.kind}>
  <${Moment} time=${event.ts} at=${event.seq} ref=${now} />
  <span class="level">${event.level}</span>
  <span class=${`kind k-${event.kind}`}>${seen(event.kind).replaceAll('_', ' ')}${event.stream && event.stream !== 'stdout' ? ` ${seen(event.stream)}` : ''}</span>
  ${!short && event.actor ? html`<span class="actor"><${Path} path=${event.actor} />${event.incarnation > 0 ? html`<span class="faint">#${event.incarnation}</span>` : ''}</span>` : ''}
  <span class="what">${event.id && html`<a href=${to('crashes', event.id)}>${event.id}</a> `}<${Foreign} text=${eventText(event)} most=${300} /></span></li>`
