// What all views share: the run, the connection, the moment that is looked at, and the pace of fetching. The page never
// makes a state of a child from events: an event only says that it is time to ask the server again.
import { batch, effect, signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { follow, get } from './api.js'
import { toUs } from './text.js'

export const run = signal(null) // as GET /v1/run told it last
export const link = signal({ state: 'connecting' }) // connecting, live, lost, refused, ended (with its program) or over
export const missed = signal(0) // events that the server had no more when the stream was resumed
export const pulse = signal(0) // counts what has come: a number that grows is news
export const generation = signal(0) // another run now: nothing of before counts
export const moment = signal(null) // {at, us}: `at` as the API takes it; null is now
export const beat = signal(Date.now()) // each second, for countdowns and ages

setInterval(() => { if (!document.hidden) beat.value = Date.now() }, 1000)
document.addEventListener('visibilitychange', () => { beat.value = Date.now() })

export const isLive = () => run.value?.state === 'live' && link.value.state !== 'ended'
export const canOperate = () => isLive() && link.value.state === 'live' && moment.value === null
// The newest time that there is to show, in microseconds: now, or the end of a run that is over.
export const newest = () => {
  if (isLive()) return beat.value * 1000
  const told = run.value
  return told ? toUs(told.ended ?? told.now ?? told.started) : 0
}

// Fetches again and again, one at a time: at once when nothing was fetched just now, then at most each 100 ms, and never
// sooner than four times what the last fetch took.
export class Pacer {
  constructor(work) {
    this.work = work
    this.next = 0
    this.timer = 0
    this.busy = false
    this.dirty = false
    this.over = new AbortController()
  }
  want() {
    if (this.over.signal.aborted || this.timer) return
    if (this.busy) {
      this.dirty = true
      return
    }
    const wait = this.next - performance.now()
    if (wait <= 0) this.go()
    else this.timer = setTimeout(() => { this.timer = 0; this.go() }, wait)
  }
  async go() {
    const began = performance.now()
    this.busy = true
    this.dirty = false
    await this.work(this.over.signal)
    this.busy = false
    this.next = began + Math.max(100, 4 * (performance.now() - began))
    if (this.dirty) this.want()
  }
  end() {
    this.over.abort()
    clearTimeout(this.timer)
    this.timer = 0
  }
}

// What `load(signal)` answers, kept fresh: {data, problem}. `deps` say when it is another question. `every`: also after
// that many milliseconds without news, since figures change without events. `still`: it does not change with news.
export function useLive(load, deps, { every = 0, still = false } = {}) {
  const [answer, setAnswer] = useState({ data: null, problem: null })
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    let asked = 0
    let later = 0
    const pacer = new Pacer(async (over) => {
      asked = performance.now()
      try {
        const data = await latest.current(over)
        if (!over.aborted) setAnswer({ data, problem: null })
      } catch (problem) {
        if (over.aborted) return
        if (!(problem.status >= 0)) console.error('the page is at fault:', problem)
        setAnswer((before) => ({ data: before.data, problem }))
        // Nobody there, or too busy: asked again by itself. What is refused otherwise stays so until there are news.
        if ([0, 408, 429, 503].includes(problem.status)) later = setTimeout(() => pacer.want(), 1000)
      }
    })
    pacer.want()
    if (still) return () => { clearTimeout(later); pacer.end() }
    const ends = [
      effect(() => { if (pulse.value >= 0) pacer.want() }),
      effect(() => { if (every && beat.value && isLive() && performance.now() - asked > every) pacer.want() }),
    ]
    return () => { clearTimeout(later); pacer.end(); for (const end of ends) end() }
  }, [...deps, generation.value])
  return answer
}

export function setMoment(at, us) {
  moment.value = at === null ? null : { at, us }
}

const kinds = [
  'run_start', 'run_end', 'start', 'ready', 'stop', 'crash', 'hang', 'restart', 'recover', 'backoff', 'limit', 'escalate',
  'give_up', 'task_retry', 'task_quarantine', 'task_fail', 'park', 'quarantine', 'dead_letter', 'config', 'operator',
  'warn', 'child',
].join(',') // all that change a picture; lines that were written do not

const runPacer = new Pacer(async (over) => {
  try {
    run.value = await get('run', {}, over)
  } catch {
    // The stream says what is wrong.
  }
})

// A record whose end nobody has told may still be written.
const looksAgainAfter = 2000
async function lookAgain() {
  const told = document.hidden ? null : await get('run').catch(() => null)
  if (told && told.last_seq !== run.value.last_seq) {
    batch(() => { run.value = told; pulse.value += 1 })
  }
  if (run.value.state === 'lost') setTimeout(lookAgain, looksAgainAfter)
}

export async function begin() {
  let ended = false
  try {
    run.value = await get('run')
  } catch (problem) {
    link.value = { state: problem.status === 401 || problem.status === 403 ? 'refused' : 'lost', problem, next: 1000 }
    setTimeout(begin, 1000)
    return
  }
  if (run.value.state && run.value.state !== 'live') {
    link.value = { state: 'over' }
    if (run.value.state === 'lost') setTimeout(lookAgain, looksAgainAfter)
    return
  }
  run.value = { state: 'live', ...run.value }
  follow({ after: run.value.last_seq, run: run.value.run, kind: kinds }, {
    open: () => {
      // What happened between the first answer and this, or while the link was down, is asked for as well.
      batch(() => { link.value = { state: 'live' }; pulse.value += 1 })
      runPacer.want()
    },
    event: (seq, text) => {
      pulse.value += 1
      if (text.includes('"kind":"run_end"') && JSON.parse(text).kind === 'run_end') ended = true
      runPacer.want()
    },
    reset: () => {
      ended = false
      batch(() => { moment.value = null; missed.value = 0; generation.value += 1; pulse.value += 1 })
      runPacer.want()
    },
    gap: (told) => { missed.value += told.missing },
    lost: (problem, next) => { link.value = { state: ended ? 'ended' : 'lost', problem, next } },
    refused: (problem) => { link.value = { state: 'refused', problem } },
    ended: () => {
      runPacer.want()
      return false // another run may come up at the same place
    },
  })
}
