// The way to the server: answers, operations, and the stream of events with its resumption. The token is a cookie that
// the page cannot read, so nothing here handles it.

export class Problem extends Error {
  constructor(status, body) {
    super(body?.title ?? (status ? `the server said ${status}` : 'the server does not answer'))
    this.status = status
    this.body = body ?? {}
  }
}

async function ask(path, options = {}) {
  let answer
  try {
    answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error', ...options })
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause
    throw new Problem(0)
  }
  if (answer.ok) return answer
  throw new Problem(answer.status, await answer.json().catch(() => null))
}

const query = (params = {}) => {
  const kept = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return kept.length > 0 ? `?${new URLSearchParams(kept)}` : ''
}
export const inUrl = (path) => path.replace(/^\//, '').split('/').map(encodeURIComponent).join('/')

export const get = async (path, params, signal) => (await ask(`/v1/${path}${query(params)}`, { signal })).json()

// Events as they are now: a list. A line that is cut off is left out.
export async function events(params, signal) {
  const text = await (await ask(`/v1/events${query(params)}`, { signal })).text()
  const list = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    try {
      list.push(JSON.parse(line))
    } catch {
      break
    }
  }
  return list
}

export const post = async (path, body) =>
  (await ask(`/v1/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })).json()

// A browser has six connections to a server for all of its tabs, and each stream takes one. So a page that nobody has
// seen for a while lets go of its streams, and goes on where it was when it is seen again.
const unseenFor = 15_000
const whenSeen = () =>
  new Promise((done) => {
    if (!document.hidden) return done()
    document.addEventListener('visibilitychange', function look() {
      if (document.hidden) return
      document.removeEventListener('visibilitychange', look)
      done()
    })
  })
function whileSeen(over) {
  const turn = new AbortController()
  let timer = 0
  const look = () => {
    clearTimeout(timer)
    if (document.hidden) timer = setTimeout(stop, unseenFor)
  }
  const stop = () => turn.abort()
  document.addEventListener('visibilitychange', look)
  over.addEventListener('abort', stop)
  look()
  const end = () => {
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', look)
    over.removeEventListener('abort', stop)
  }
  return { signal: turn.signal, end }
}

// Follows events. It is read by fetch, not by an EventSource, since that one does not tell why it was refused; what
// goes over the wire is the same, Last-Event-ID included. `on` may have: event(seq, text), run({run, last_seq}),
// reset(data), gap(data), open(), lost(problem, ms until the next try), refused(problem), ended().
// Answers a function that ends it.
export function follow(params, on) {
  const over = new AbortController()
  let last = params.after ?? 'now'
  let run = params.run
  let tries = 0

  const take = (block) => {
    const said = { event: 'message', id: '', data: [] }
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      if (colon === 0) continue
      const key = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (key === 'data') said.data.push(value)
      else if (key in said) said[key] = value
    }
    const data = said.data.join('\n')
    if (said.event === 'run') {
      const told = JSON.parse(data)
      run = told.run
      // What comes from here on is behind this number, also when the cut is before the first event.
      if (last === 'now') last = told.last_seq
      on.run?.(told)
    } else if (said.event === 'reset') {
      last = 0
      const told = JSON.parse(data)
      run = told.run ?? run
      on.reset?.(told)
    } else if (said.event === 'gap') {
      on.gap?.(JSON.parse(data))
    } else if (data !== '') {
      const seq = Number(said.id)
      if (seq <= last) return // told again: it is here already
      last = seq
      on.event?.(seq, data)
    }
  }

  const read = async (signal) => {
    const headers = { Accept: 'text/event-stream' }
    if (last !== 'now') headers['Last-Event-ID'] = String(last)
    const { after, ...others } = params
    const answer = await ask(`/v1/events${query({ ...others, run, after: last })}`, { headers, signal })
    tries = 0
    on.open?.()
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const blocks = (rest + value).split('\n\n')
      rest = blocks.pop()
      for (const block of blocks) take(block)
    }
  }

  const loop = async () => {
    while (!over.signal.aborted) {
      await whenSeen()
      let problem = null
      const turn = whileSeen(over.signal)
      try {
        await read(turn.signal)
      } catch (cause) {
        problem = cause instanceof Problem ? cause : new Problem(0)
      }
      turn.end()
      if (over.signal.aborted) return
      if (turn.signal.aborted) continue
      // The stream of a run that is over ends in order; there is nothing more to come.
      if (!problem && on.ended?.()) return
      const wait = Math.min(3000, 200 * 2 ** Math.min(tries++, 4))
      if (problem && (problem.status === 401 || problem.status === 403)) on.refused?.(problem)
      else on.lost?.(problem, wait)
      await new Promise((done) => {
        const timer = setTimeout(done, wait)
        over.signal.addEventListener('abort', () => { clearTimeout(timer); done() }, { once: true })
      })
    }
  }
  loop()
  return () => over.abort()
}
