// Figures over time for the small curves. What was before the page was opened is asked for once a child; later figures
// come along with the tree.
import { signal } from '@preact/signals'
import { get } from './api.js'
import { run } from './state.js'
import { fromUs, toUs } from './text.js'

const kept = new Map() // path -> {points: [[us, value]], asked}
const span = 120e6 // two minutes
let ofRun = null
export const grew = signal(0)

// What waits for a child: messages for actors, tasks for pools; memory for processes that have neither.
export const waiting = (sample) => sample?.waiting ?? sample?.queued

const entry = (path) => {
  if (ofRun !== run.value?.run) {
    kept.clear()
    ofRun = run.value?.run
  }
  let found = kept.get(path)
  if (!found) kept.set(path, (found = { points: [], asked: false }))
  return found
}

function add(path, sample) {
  const value = waiting(sample)
  if (value === undefined) return
  const { points } = entry(path)
  const at = toUs(sample.at)
  if (points.length > 0 && at <= points.at(-1)[0]) return
  points.push([at, value])
  while (points.length > 2 && at - points[0][0] > span) points.shift()
}

// Only children that are on the screen are kept up.
const queue = []
let active = 0
function next() {
  while (active < 2 && queue.length > 0) {
    const path = queue.pop()
    active += 1
    get('samples', { path, from: fromUs(Date.now() * 1000 - span) })
      .then(({ samples }) => {
        const own = entry(path)
        const later = own.points
        own.points = []
        for (const sample of samples) add(path, sample)
        for (const point of later) if (own.points.length === 0 || point[0] > own.points.at(-1)[0]) own.points.push(point)
        grew.value += 1
      })
      .catch(() => {})
      .finally(() => { active -= 1; next() })
  }
}

export function curve(child) {
  const sample = child.figures?.last
  if (waiting(sample) === undefined) return null
  const own = entry(child.path)
  add(child.path, sample)
  if (!own.asked) {
    own.asked = true
    if (queue.length > 100) queue.shift()
    queue.push(child.path)
    next()
  }
  return own.points
}
