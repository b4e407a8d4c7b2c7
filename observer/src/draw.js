// Draws the timeline on a canvas: only what is visible, and nothing that is not told. It keeps no state of its own. What
// the moment changes is drawn apart, over the rest, so that a hand that drags it waits for little.
import { barAt } from './lanes.js'
import { clock, day, seen, statusWords } from './text.js'

export const laneHigh = 24
export const axisHigh = 26

const names = ['up', 'starting', 'restarting', 'stopping', 'parked', 'stopped', 'ended', 'gave_up', 'idle']

// Colours are those of the style sheet.
export function palette(element) {
  const style = getComputedStyle(element)
  const value = (name) => style.getPropertyValue(name).trim()
  const status = Object.fromEntries(names.map((name) => [name, value(`--s-${name}`)]))
  return {
    status, bar: { ...status, up: value('--bar-up') }, text: value('--text'), faint: value('--faint'), line: value('--line'), ground: value('--ground'), soft: value('--soft'),
    accent: value('--accent'), crash: value('--s-gave_up'), font: `12px ${style.fontFamily}`, small: `11px ${style.fontFamily}`,
    hatches: {},
  }
}

function hatch(context, colours, status) {
  const found = colours.hatches[status]
  if (found) return found
  const tile = document.createElement('canvas')
  tile.width = tile.height = 8
  const on = tile.getContext('2d')
  on.globalAlpha = 0.22
  on.fillStyle = colours.status[status]
  on.fillRect(0, 0, 8, 8)
  on.globalAlpha = 1
  on.strokeStyle = colours.status[status]
  on.lineWidth = 1.6
  for (const x of [-8, 0, 8]) { on.beginPath(); on.moveTo(x, 8); on.lineTo(x + 8, 0); on.stroke() }
  return (colours.hatches[status] = context.createPattern(tile, 'repeat'))
}

const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * 1e3]).concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800].map((s) => s * 1e6)).sort((a, b) => a - b)
const digitsOf = (step) => (step >= 1e6 ? 0 : step >= 1e3 ? 3 : 6)

// Texts of children are shortened to what fits; widths are remembered, since measuring is slow.
const cuts = new Map()
function cut(context, text, wide) {
  const key = `${wide}|${text}`
  let found = cuts.get(key)
  if (found !== undefined) return found
  found = text
  if (context.measureText(text).width > wide) {
    let low = 0
    let high = text.length
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (context.measureText(`…${text.slice(text.length - middle)}`).width <= wide) low = middle
      else high = middle - 1
    }
    found = `…${text.slice(text.length - low)}`
  }
  if (cuts.size > 5000) cuts.clear()
  cuts.set(key, found)
  return found
}

// Where things are in a scene.
function places({ wide, high, labels, from, to, scrollTop, lanes }) {
  const scale = (wide - labels) / (to - from)
  return {
    x: (us) => labels + (us - from) * scale,
    y: (i) => axisHigh + i * laneHigh - scrollTop,
    first: Math.max(0, Math.floor(scrollTop / laneHigh)),
    last: Math.min(lanes.total, Math.ceil((scrollTop + high - axisHigh) / laneHigh)),
  }
}

// The name of a lane, and before it room for a small square that says the status at the moment.
const leftOf = (lane) => 6 + Math.min(6, Math.max(0, lane.path.split('/').length - 2)) * 10
function drawName(context, colour, lane, top, labels) {
  const left = leftOf(lane)
  const name = seen(lane.path.slice(lane.path.lastIndexOf('/') + 1)) || seen(lane.path)
  context.fillStyle = colour
  context.fillText(cut(context, name, labels - left - 22), left + 14, top + laneHigh / 2)
}

// `scene`: {wide, high, labels, from, to, scrollTop, cursor, selected, lanes, end}. Times are microseconds.
export function draw(context, colours, scene) {
  const { wide, high, labels, from, to, lanes, end } = scene
  const { x, y, first, last } = places(scene)
  context.clearRect(0, 0, wide, high)
  context.textBaseline = 'middle'

  // Times along the top, with lines down.
  const most = Math.max(2, (wide - labels) / 110)
  const step = steps.find((each) => (to - from) / each <= most) ?? steps.at(-1)
  context.font = colours.small
  context.lineWidth = 1
  for (let tick = Math.ceil(from / step) * step; tick < to; tick += step) {
    const at = Math.round(x(tick)) + 0.5
    context.strokeStyle = colours.line
    context.beginPath(); context.moveTo(at, axisHigh - 5); context.lineTo(at, high); context.stroke()
    context.fillStyle = colours.faint
    const text = step >= 86400e6 ? day(tick) : clock(tick, digitsOf(step))
    context.fillText(text, at + 4, axisHigh / 2)
  }

  context.save()
  context.beginPath(); context.rect(0, axisHigh, wide, high - axisHigh); context.clip()
  for (let i = first; i < last; i += 1) {
    const lane = lanes.lane(i)
    const top = y(i)
    if (i === scene.selected) { context.fillStyle = colours.soft; context.fillRect(0, top, wide, laneHigh) }
    if (!lane) { context.fillStyle = colours.line; context.fillRect(labels, top + 11, wide - labels, 1); continue }
    let behind = -1 // the pixel up to which this lane is drawn
    for (const [begin, finish, status, incarnation] of lane.bars) {
      const stop = finish ?? end
      if (stop < from || begin > to) continue
      const left = Math.max(labels, x(begin))
      const right = Math.min(wide, x(Math.max(stop, begin)))
      if (right < behind) continue
      const length = Math.max(1.5, right - left)
      behind = Math.floor(left + length)
      const supervisor = lane.kind === 'supervisor'
      const [bar, room] = supervisor ? [top + 9, 6] : [top + 5, 14]
      const waits = status === 'restarting' || status === 'parked'
      const down = status === 'stopped' || status === 'ended' || status === 'idle'
      context.fillStyle = waits && length > 3 ? hatch(context, colours, status) : colours.bar[status] ?? colours.faint
      if (down) context.fillRect(left, top + 11, length, 2)
      else context.fillRect(left, bar, length, room)
      if (!supervisor && !down && length > 2) {
        if (left > labels) { context.fillStyle = colours.ground; context.fillRect(left, bar, 1, room) }
        if (length > 34 && (incarnation > 1 || waits)) {
          context.fillStyle = waits || status === 'up' ? colours.text : colours.ground
          context.font = colours.small
          context.fillText(waits ? (length > 80 ? statusWords[status] : '') : `#${incarnation}`, left + 5, top + laneHigh / 2)
        }
      }
    }
    // A crash is a mark of its own: a red wedge that hangs into the lane.
    context.fillStyle = colours.crash
    let mark = -9
    for (const [us] of lane.crashes) {
      const at = x(us)
      if (at < labels || at > wide || at - mark < 2) continue
      // Where they are close together, lines alone.
      if (at - mark > 8) { context.beginPath(); context.moveTo(at - 4.5, top + 1); context.lineTo(at + 4.5, top + 1); context.lineTo(at, top + 9); context.closePath(); context.fill() }
      mark = at
      context.fillRect(at - 0.5, top + 1, 1, laneHigh - 4)
    }
  }

  // One crash that restarted others: a bracket over all of them.
  context.strokeStyle = colours.crash
  context.lineWidth = 1.25
  let bracket = -9
  for (const [us, , path, others] of lanes.groups) {
    const at = Math.round(x(us)) + 0.5
    if (at < labels || at > wide || at - bracket < 3) continue
    const all = [path, ...others].map((name) => lanes.names.get(name)).filter((n) => n !== undefined)
    if (all.length < 2) continue
    bracket = at
    const low = Math.min(...all)
    const up = Math.max(...all)
    if (up < first || low > last) continue
    context.beginPath(); context.moveTo(at, y(low) + 4); context.lineTo(at, y(up) + laneHigh - 4); context.stroke()
    for (const n of all) {
      if (n < first || n > last) continue
      context.beginPath(); context.moveTo(at, y(n) + laneHigh - 4); context.lineTo(at + 5, y(n) + laneHigh - 4); context.stroke()
    }
  }
  context.restore()

  // Labels, over the bars.
  context.fillStyle = colours.ground
  context.fillRect(0, 0, labels - 1, high)
  context.fillStyle = colours.line
  context.fillRect(labels - 1, 0, 1, high)
  context.save()
  context.beginPath(); context.rect(0, axisHigh, labels - 4, high - axisHigh); context.clip()
  context.font = colours.font
  for (let i = first; i < last; i += 1) {
    const lane = lanes.lane(i)
    const top = y(i)
    if (i === scene.selected) { context.fillStyle = colours.soft; context.fillRect(0, top, labels - 1, laneHigh) }
    if (lane) drawName(context, colours.text, lane, top, labels)
  }
  context.restore()

  if (end < to) { // nothing is known of what is to come
    context.fillStyle = colours.soft
    context.globalAlpha = 0.6
    const at = Math.max(labels, x(end))
    context.fillRect(at, axisHigh, wide - at, high - axisHigh)
    context.globalAlpha = 1
  }
}

// The cursor, and the status of each lane there.
export function drawMoment(context, colours, scene) {
  const { high, labels, from, to, cursor, selected, lanes, end } = scene
  const { x, y, first, last } = places(scene)
  context.textBaseline = 'middle'
  context.save()
  context.beginPath(); context.rect(0, axisHigh, labels - 4, high - axisHigh); context.clip()
  context.font = colours.font
  for (let i = first; i < last; i += 1) {
    const lane = lanes.lane(i)
    if (!lane) continue
    const top = y(i)
    const bar = barAt(lane, Math.min(cursor ?? end, end))
    if (!bar) {
      context.fillStyle = i === selected ? colours.soft : colours.ground
      context.fillRect(0, top, labels - 4, laneHigh)
      drawName(context, colours.faint, lane, top, labels)
    }
    context.fillStyle = bar ? colours.status[bar[2]] ?? colours.faint : colours.line
    context.fillRect(leftOf(lane), top + 8, 8, 8)
  }
  context.restore()
  if (cursor !== null && cursor >= from && cursor <= to) {
    const at = Math.round(x(cursor)) + 0.5
    context.strokeStyle = colours.accent
    context.lineWidth = 2
    context.beginPath(); context.moveTo(at, 4); context.lineTo(at, high); context.stroke()
    context.fillStyle = colours.accent
    context.beginPath(); context.moveTo(at - 6, 2); context.lineTo(at + 6, 2); context.lineTo(at, 11); context.closePath(); context.fill()
  }
}

const stripScale = ({ wide, labels, strip }) => (us) => labels + ((us - strip.from_us) / (strip.events.length * strip.step_us)) * (wide - labels)

// The whole run in little: how much happened when, where it crashed, and which part is shown.
export function drawStrip(context, colours, scene) {
  const { wide, high, labels, from, to, strip, end } = scene
  context.clearRect(0, 0, wide, high)
  if (!strip) return
  const n = strip.events.length
  const x = stripScale(scene)
  const each = (wide - labels) / n
  const top = Math.max(1, ...strip.events)
  for (let i = 0; i < n; i += 1) {
    if (strip.events[i] > 0) {
      const tall = Math.max(2, (Math.log1p(strip.events[i]) / Math.log1p(top)) * (high - 10))
      context.fillStyle = colours.status.idle
      context.fillRect(labels + i * each, high - tall, Math.max(1, each - 0.5), tall)
    }
    if (strip.crashes[i] > 0) { context.fillStyle = colours.crash; context.fillRect(labels + i * each, 0, Math.max(2, each - 0.5), 7) }
  }
  const [left, right] = [Math.max(labels, x(from)), Math.min(wide, x(Math.min(to, end)))]
  context.strokeStyle = colours.accent
  context.lineWidth = 1.5
  context.strokeRect(left + 0.75, 0.75, Math.max(3, right - left - 1.5), high - 1.5)
}
export function drawStripMoment(context, colours, scene) {
  if (scene.cursor === null || !scene.strip) return
  context.fillStyle = colours.accent
  context.fillRect(stripScale(scene)(scene.cursor) - 1, 0, 2, scene.high)
}
