// The lanes of the timeline: which of them are here, and fetching those that are to be seen. Lanes come in pages; a page
// covers a stretch of time, wider than what is shown, so that moving about has something to draw at once.
import { get } from './api.js'
import { fromUs, toUs } from './text.js'

const pageSize = 100

export class Lanes {
  constructor(prefix, changed) {
    this.prefix = prefix
    this.changed = changed
    this.pages = new Map() // number of the page -> {from, to, lanes, seq}
    this.groups = []
    this.total = 0
    this.began = 0
    this.now = 0
    this.strip = null
    this.lastSeq = 0
    this.missing = 0
    this.version = 0 // grows with what is to be drawn
    this.problem = null
    this.names = new Map() // path -> number of the lane
    this.over = new AbortController()
    this.busy = false
    this.next = 0
    this.again = null
    this.view = { first: 0, last: 40, from: 0, to: 0 }
  }
  end() {
    this.over.abort()
    clearTimeout(this.timer)
  }
  lane(i) {
    const page = this.pages.get(Math.floor(i / pageSize))
    return page?.lanes[i % pageSize]
  }
  // What is shown now: lanes [first, last) from `from` to `to`. `fresh`: there are new events.
  want(view, fresh = false) {
    this.view = view
    if (fresh) for (const page of this.pages.values()) page.old = true
    this.check()
  }
  // The first page that is to be seen and is missing, too short, too coarse or old.
  lacking() {
    const { first, last, from, to } = this.view
    for (let n = Math.floor(first / pageSize); n <= Math.floor(Math.max(first, last - 1) / pageSize); n += 1) {
      const page = this.pages.get(n)
      if (!page) return n
      const covered = Math.max(from, this.began) >= page.from && Math.min(to, this.now) <= page.to
      const coarse = page.merged > 0 && (page.to - page.from) / (to - from) > 8
      if (!covered || coarse || (page.old && page.to >= this.now - 1e6)) return n
    }
    return this.pages.size === 0 ? 0 : -1
  }
  check() {
    if (this.busy || this.timer || this.over.signal.aborted) return
    const n = this.lacking()
    if (n < 0) return
    const wait = this.next - performance.now()
    if (wait > 0) this.timer = setTimeout(() => { this.timer = 0; this.check() }, wait)
    else this.fetch(n)
  }
  async fetch(n) {
    this.busy = true
    const began = performance.now()
    const { from, to } = this.view
    const wide = to - from
    const known = this.began > 0
    const params = { offset: n * pageSize, limit: pageSize, most: 400, path: this.prefix || undefined }
    const reach = known ? [Math.max(this.began, from - wide), to + wide] : null
    if (reach) Object.assign(params, { from: fromUs(reach[0]), to: fromUs(reach[1]) })
    try {
      const told = await get('timeline', params, this.over.signal)
      this.problem = null
      this.began = toUs(told.began)
      this.now = Math.max(this.now, toUs(told.now))
      this.total = told.total ?? 0
      this.strip = told.strip
      this.lastSeq = told.last_seq
      this.missing = told.missing ?? 0
      const lanes = told.lanes ?? []
      // Where the answer reaches to the present, what comes behind it is known as well: nothing yet.
      const end = reach ? reach[1] : toUs(told.now)
      this.pages.set(n, { from: reach ? reach[0] : this.began, to: end, lanes, merged: lanes.reduce((sum, lane) => sum + (lane.merged ?? 0), 0), old: false })
      lanes.forEach((lane, i) => this.names.set(lane.path, n * pageSize + i))
      this.groups = told.groups ?? []
      while (this.pages.size > 24) this.pages.delete(this.pages.keys().next().value)
    } catch (problem) {
      if (this.over.signal.aborted) return
      this.problem = problem
    }
    this.busy = false
    this.version += 1
    this.next = began + Math.max(100, 4 * (performance.now() - began)) + (this.problem ? 1000 : 0)
    this.changed()
    this.check()
  }
  // The number of a lane, also of one that was not to be seen yet.
  async find(path) {
    for (let offset = 0; !this.names.has(path) && offset < this.total; offset += 1000) {
      const at = fromUs(this.now)
      const told = await get('timeline', { offset, limit: 1000, most: 1, from: at, to: at, path: this.prefix || undefined }, this.over.signal).catch(() => null)
      if (!told) return -1
      told.lanes.forEach((lane, i) => this.names.set(lane.path, offset + i))
      this.version += 1
    }
    return this.names.get(path) ?? -1
  }
}

// The bar that covers a time: the last one that began at or before it.
export function barAt(lane, us) {
  const bars = lane?.bars ?? []
  let low = 0
  let high = bars.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (bars[middle][0] <= us) low = middle + 1
    else high = middle
  }
  const bar = bars[low - 1]
  return bar && (bar[1] === null || us < bar[1]) ? bar : null
}

// The crash before or behind a time. Crashes are numbered in order, so a few look-ups by number find it.
export class CrashSteps {
  constructor() {
    this.known = new Map()
  }
  async at(number, over) {
    if (!this.known.has(number)) {
      const id = `c-${String(number).padStart(4, '0')}`
      const crash = await get(`crashes/${id}`, {}, over).catch(() => null)
      this.known.set(number, crash && { number, id, us: toUs(crash.at), seq: crash.seq, path: crash.path })
    }
    return this.known.get(number)
  }
  async step(us, forward, total, over) {
    // The first one that is later than `us` (or not earlier, when going back). One that is forgotten counts as earlier.
    let low = 1
    let high = total + 1
    while (low < high) {
      const middle = (low + high) >> 1
      const crash = await this.at(middle, over)
      if (!crash || (forward ? crash.us <= us : crash.us < us)) low = middle + 1
      else high = middle
    }
    const number = forward ? low : low - 1
    return number >= 1 && number <= total ? this.at(number, over) : null
  }
}
