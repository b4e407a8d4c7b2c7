// The timeline's moving parts, apart from what preact draws: which stretch of time is shown, where the cursor is, which
// lane is chosen. While it moves only canvases and the attributes of the slider change, so that it keeps up with a hand.
import { get } from './api.js'
import { axisHigh, draw, drawMoment, drawStrip, drawStripMoment, laneHigh, palette } from './draw.js'
import { barAt, CrashSteps, Lanes } from './lanes.js'
import { reveal } from './rows.js'
import { route } from './route.js'
import { isLive, moment, newest, run, setMoment } from './state.js'
import { clock, duration, fromUs, seen, statusWords } from './text.js'

const least = 200 // microseconds: no closer than this
const restsAfter = 80 // milliseconds without a movement, and the server is asked for the moment

// What a lane is at a time, in words: for those who do not see the picture, and for the line below it.
export function laneText(lane, us, end) {
  if (!lane) return 'not known yet'
  const at = Math.min(us ?? end, end)
  const bar = barAt(lane, at)
  const last = lane.crashes.filter(([time]) => time <= at).at(-1)
  const state = bar ? `${statusWords[bar[2]] ?? bar[2]}${bar[3] ? `, incarnation ${bar[3]}` : ''}, since ${clock(bar[0])}` : 'nothing is known of it then'
  return `${seen(lane.path)}: ${state}${last ? `; ${last[2]} ${duration((at - last[0]) / 1000)} before` : ''}`
}

export class Scrubber {
  // `parts`: the elements {scroll, inner, canvas, strip}. `on`: changed() draws the view anew, says(text) tells in
  // words, rests({at, tree} or {problem} or null) has the server's picture of the moment.
  constructor(prefix, parts, on) {
    Object.assign(this, { parts, on, from: 0, to: 0, cursor: moment.value?.us ?? null, selected: 0, frame: 0 })
    this.follows = this.cursor === null
    this.steps = new CrashSteps()
    this.over = new AbortController()
    this.lanes = new Lanes(prefix, () => this.came())
    this.colours = palette(parts.canvas)
    this.layers = { canvas: new Layer(parts.canvas), strip: new Layer(parts.strip) }
    this.refresh()
  }
  close() {
    this.over.abort()
    this.asked?.abort()
    this.lanes.end()
    clearTimeout(this.resting)
    cancelAnimationFrame(this.frame)
  }
  recolour() {
    this.colours = palette(this.parts.canvas)
    this.paint()
  }
  // Lanes have come, or could not be had.
  came() {
    if (this.to === 0 && this.lanes.began > 0) {
      this.whole()
      this.choose()
    }
    this.parts.inner.style.setProperty('height', `${this.lanes.total * laneHigh + axisHigh}px`)
    this.paint()
    this.on.changed()
  }
  // The newest time that there is to show.
  end() {
    return isLive() ? Math.max(this.lanes.now, newest()) : this.lanes.now || newest()
  }
  labels() {
    return Math.min(240, Math.max(96, this.parts.canvas.clientWidth * 0.22))
  }

  // Asks for what is missing and draws. `fresh`: something has happened.
  refresh(fresh = false) {
    if (this.over.signal.aborted) return
    const end = this.end()
    if (fresh && this.follows && this.to > 0 && end > this.to - (this.to - this.from) * 0.01) {
      const wide = this.to - this.from
      // What was the whole run stays the whole run; a closer look moves along.
      if (this.from <= this.lanes.began) this.to = end + (end - this.from) * 0.1
      else {
        this.to = end + wide * 0.05
        this.from = this.to - wide
      }
    }
    const top = this.parts.scroll.scrollTop
    const lanes = { first: Math.floor(top / laneHigh), last: Math.ceil((top + this.parts.scroll.clientHeight) / laneHigh) }
    this.lanes.want({ ...lanes, from: this.from, to: this.to }, fresh)
    this.paint()
  }
  paint() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.paintNow() })
  }
  paintNow() {
    if (this.over.signal.aborted) return
    const { scroll } = this.parts
    const { lanes, from, cursor, selected, colours } = this
    const scene = { labels: this.labels(), from, to: Math.max(this.to, from + 1), scrollTop: scroll.scrollTop, cursor, selected, lanes, strip: lanes.strip, end: this.end() }
    const still = [scene.labels, scene.from, scene.to, scene.scrollTop, selected, lanes.version, scene.end]
    this.layers.canvas.paint(scene, colours, still, draw, drawMoment)
    this.layers.strip.paint(scene, colours, still, drawStrip, drawStripMoment)
    for (const [name, value] of Object.entries(this.slider())) scroll.setAttribute(name, value)
  }
  // The moment as a slider has it: milliseconds since the beginning, and words.
  slider() {
    const { cursor, lanes } = this
    const end = this.end()
    const since = (us) => Math.max(0, Math.round((us - lanes.began) / 1000))
    const text = `${cursor === null ? 'now' : clock(cursor, 6)}; ${this.laneSays()}`
    return { 'aria-valuemin': 0, 'aria-valuemax': Math.max(1, since(end)), 'aria-valuenow': since(cursor ?? end), 'aria-valuetext': text, 'data-cursor': cursor ?? '' }
  }
  lane() {
    return this.lanes.lane(this.selected)
  }
  laneSays() {
    return laneText(this.lane(), this.cursor, this.end())
  }

  // Moves the cursor. `at`: the number of an event, where the moment is right behind that one.
  set(us, at = null) {
    this.cursor = Math.round(Math.min(Math.max(us, this.lanes.began), this.end()))
    this.exact = at
    this.follows = false
    if (this.to > 0 && (this.cursor < this.from || this.cursor > this.to)) {
      const wide = this.to - this.from
      this.from = Math.max(this.lanes.began, this.cursor - wide / 2)
      this.to = this.from + wide
    }
    this.asked?.abort() // its answer would be of a moment that is left, and holds the hand up
    this.refresh()
    clearTimeout(this.resting)
    this.resting = setTimeout(() => this.rest(), restsAfter)
  }
  // The cursor rests: the whole page looks at this moment now, and the server says how the tree was.
  async rest() {
    const at = this.exact ?? fromUs(this.cursor)
    setMoment(at, this.cursor)
    this.on.says(this.laneSays())
    this.on.changed()
    this.asked?.abort()
    const asked = this.asked = new AbortController()
    const answer = await get('tree', { at }, asked.signal).then((tree) => ({ at, tree }), (problem) => ({ problem }))
    if (!asked.signal.aborted) this.on.rests(answer)
  }
  // Back to now.
  release() {
    clearTimeout(this.resting)
    this.asked?.abort()
    this.cursor = null
    this.follows = true
    setMoment(null)
    this.on.rests(null)
    this.refresh(true)
    this.on.changed()
  }
  whole() {
    const end = Math.max(this.end(), this.lanes.began + 1000)
    this.from = this.lanes.began
    this.to = end + (end - this.from) * 0.02
    this.follows = this.cursor === null
    this.refresh()
  }
  zoom(factor, around = this.cursor ?? (this.from + this.to) / 2) {
    const end = this.end()
    const wide = Math.min(Math.max((this.to - this.from) * factor, least), (end - this.lanes.began) * 1.1 + 1000)
    const share = (around - this.from) / (this.to - this.from)
    this.from = Math.max(this.lanes.began - wide * 0.02, around - wide * share)
    this.to = this.from + wide
    this.follows = this.cursor === null && this.to >= end
    this.refresh()
    this.on.changed()
  }
  pan(us) {
    const wide = this.to - this.from
    this.from = Math.min(Math.max(this.from + us, this.lanes.began - wide * 0.5), this.end() - wide * 0.5)
    this.to = this.from + wide
    this.follows = false
    this.refresh()
  }
  select(i) {
    this.selected = Math.min(Math.max(0, i), Math.max(0, this.lanes.total - 1))
    reveal(this.parts.scroll, this.selected, laneHigh, axisHigh)
    this.refresh()
    this.on.says(this.laneSays())
    this.on.changed()
  }
  // The lane of whom the reader came from.
  async choose() {
    const path = route.value.params.get('child')
    const i = path ? await this.lanes.find(path) : -1
    if (i >= 0 && !this.over.signal.aborted) this.select(i)
  }
  // To the next crash, or the one before, and to the lane of its child.
  async crash(forward) {
    const base = this.cursor ?? (forward ? 0 : this.end() + 1)
    const crash = await this.steps.step(base, forward, run.value?.crash_count ?? 0, this.over.signal)
    if (this.over.signal.aborted) return
    if (!crash) return void this.on.says(forward ? 'There is no later crash.' : 'There is no earlier crash.')
    this.set(crash.us, crash.seq)
    const i = await this.lanes.find(crash.path)
    if (i >= 0 && !this.over.signal.aborted) this.select(i)
  }

  // Where a pointer is: the time on the canvas and on the strip, and the lane (-1: above them).
  timeAt(event) {
    const box = this.parts.canvas.getBoundingClientRect()
    return this.from + ((event.clientX - box.left - this.labels()) / (box.width - this.labels())) * (this.to - this.from)
  }
  stripTimeAt(event) {
    const { strip } = this.lanes
    const box = this.parts.strip.getBoundingClientRect()
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - this.labels()) / (box.width - this.labels())))
    return strip ? strip.from_us + share * strip.step_us * strip.events.length : null
  }
  laneAt(event) {
    const y = event.clientY - this.parts.canvas.getBoundingClientRect().top - axisHigh
    return y < 0 ? -1 : Math.min(Math.floor((y + this.parts.scroll.scrollTop) / laneHigh), this.lanes.total - 1)
  }
  onLabels(event) {
    return event.clientX - this.parts.canvas.getBoundingClientRect().left < this.labels()
  }
}

// A canvas as large as its place, in real pixels. What does not change with the moment is drawn on another one, which is
// kept, and copied.
class Layer {
  constructor(element) {
    this.element = element
    this.kept = document.createElement('canvas')
    this.drawn = []
  }
  // `still`: all that the first drawing depends on, beside the size and the colours.
  paint(scene, colours, still, first, second) {
    const { element, kept } = this
    const ratio = devicePixelRatio || 1
    const [wide, high] = [element.clientWidth, element.clientHeight]
    const whole = { ...scene, wide, high }
    const now = [wide, high, ratio, colours, ...still]
    if (now.some((part, i) => part !== this.drawn[i])) {
      for (const each of [element, kept]) {
        if (each.width !== Math.round(wide * ratio)) each.width = Math.round(wide * ratio)
        if (each.height !== Math.round(high * ratio)) each.height = Math.round(high * ratio)
      }
      const context = kept.getContext('2d')
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      first(context, colours, whole)
      this.drawn = now
    }
    const context = element.getContext('2d')
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, element.width, element.height)
    if (kept.width > 0 && kept.height > 0) context.drawImage(kept, 0, 0)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    second(context, colours, whole)
  }
}
