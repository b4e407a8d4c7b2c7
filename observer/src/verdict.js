// One line that says whether all is well, from what the server tells of the run and its children.
import { count, duration, listed, many, seen, statusWords, toUs } from './text.js'
import { fallen, leaves } from './tree.js'

// What is lost for good: messages, and tasks that met a fault and have no value. What was cancelled, or refused, is told
// apart: whoever had submitted it knows. All as the server sums it up, of the run or of a pool.
export function losses(sums = {}) {
  const messages = (sums.lost_messages ?? 0) + (sums.quarantined_messages ?? 0)
  const tasks = (sums.quarantined ?? 0) + (sums.failed ?? 0) + (sums.given_up ?? 0)
  return { messages, tasks, cancelled: Math.max(0, (sums.valueless ?? 0) - tasks) }
}
export function lost(sums) {
  const { messages, tasks, cancelled } = losses(sums)
  const gone = [messages > 0 && many(messages, 'message'), tasks > 0 && many(tasks, 'task')].filter(Boolean)
  if (cancelled === 0) return gone.length > 0 ? `${listed(gone)} lost` : 'no task or message lost'
  return `${many(cancelled, 'task')} cancelled, ${gone.length > 0 ? `${listed(gone)} lost` : 'no message lost'}`
}

// What crashed, and how much of that came back: in the last hour where a live run is older, else in all of it.
function pastOf(told) {
  const all = told.crash_count ?? told.summary?.crashes ?? 0
  const hour = all > 0 ? told.last_hour : undefined
  const crashes = hour?.crashes ?? all
  const back = hour?.recovered ?? told.summary?.recoveries ?? 0
  const when = hour ? ' in the last hour' : ''
  const before = hour && !hour.at_least && all > crashes ? ` (${count(all)} in all)` : ''
  if (crashes === 0) return `no crash${when}${before}`
  return `${hour?.at_least ? 'at least ' : ''}${many(crashes, 'crash', 'crashes')}${when}${before}, ${back >= crashes ? 'all' : count(back)} recovered`
}

const quiet = new Set(['stopped', 'ended', 'idle', 'stopping'])

// {level: good | note | bad, text}. `told` is /v1/run, or /v1/view at a moment; `state` is what the run is then.
export function verdict(told, top, state) {
  const all = []
  top.each((node) => { if (node.parent) all.push(node.data) })
  const own = leaves(top)
  const up = own.filter((child) => child.status === 'up').length
  const bad = all.filter((child) => child.kind !== 'worker' && !quiet.has(child.status) && child.status !== 'up')
  const grave = bad.filter((child) => child.status !== 'starting')
  const failing = all.filter((child) => child.kind === 'supervisor' && child.failing && child.status === 'up')
  const fell = all.filter(fallen)
  const past = pastOf(told)
  const gone = lost(told.summary)
  const tail = `${past}, ${gone}`
  const { messages, tasks } = losses(told.summary)
  const level = (fine) => (messages + tasks === 0 ? fine : 'note')
  if (state === 'over') {
    const took = duration((toUs(told.ended ?? told.now) - toUs(told.started)) / 1000)
    if (told.died) return { level: 'bad', text: `The program itself crashed after ${took}; ${tail}` }
    const gaveUp = all.find((child) => child.status === 'gave_up')
    if (gaveUp) return { level: 'bad', text: `${seen(gaveUp.path)} gave up after ${took}, exit code ${told.code ?? 0}; ${tail}` }
    return { level: told.code ? 'bad' : level('good'), text: `Over after ${took}, exit code ${told.code ?? 0}; ${tail}` }
  }
  if (state === 'lost') return { level: 'bad', text: `The program was killed; ${many(up, 'child', 'children')} of ${own.length} were up; ${tail}` }
  const were = state === 'then' ? 'were up' : 'up'
  if (grave.length > 0) {
    const worst = grave.filter((child) => child.status === 'gave_up' || child.status === 'parked')
    const which = listed((worst.length > 0 ? worst : grave).map((child) => `${seen(child.path)} ${statusWords[child.status] ?? child.status}`), 3)
    return { level: worst.length > 0 ? 'bad' : 'note', text: `${up} of ${many(own.length, 'child', 'children')} ${were}: ${which}; ${tail}` }
  }
  if (failing.length > 0) {
    const which = listed(failing.map((child) => `${seen(child.path)} has reached its limit and is about to end`), 3)
    return { level: 'bad', text: `${up} of ${many(own.length, 'child', 'children')} ${were}: ${which}; ${tail}` }
  }
  const down = own.length - up
  if (fell.length > 0) {
    const which = listed(fell.map((child) => `${seen(child.path)} ended by a crash`), 3)
    return { level: 'note', text: `${up} of ${many(own.length, 'child', 'children')} ${were}: ${which}; ${tail}` }
  }
  if (own.length === 0) return { level: level('good'), text: `No children; ${tail}` }
  if (down > 0) {
    const words = listed([...new Set(own.filter((child) => child.status !== 'up').map((child) => statusWords[child.status]))])
    return { level: level('good'), text: `${up} of ${many(own.length, 'child', 'children')} ${were}, ${down} ${words}; ${tail}` }
  }
  return { level: level('good'), text: `${own.length === 1 ? 'The only child' : `All ${many(own.length, 'child', 'children')}`} ${were}; ${tail}` }
}
