// The tree as rows: what is worst comes first, and large groups are closed. The server says what each child is; here it
// is only put in order and counted.
import { hierarchy } from 'd3-hierarchy'

// How much a status wants to be looked at.
const weight = { gave_up: 8, parked: 7, restarting: 6, starting: 4, stopping: 3, ended: 2, stopped: 2, idle: 1, up: 0 }
// Ended by a crash, and not meant to: nobody starts it again.
export const fallen = (child) => child.status === 'ended' && Boolean(child.last_crash) && child.kind !== 'worker' && (child.restart === 'permanent' || (child.crashes ?? 0) > (child.recoveries ?? 0))
export const severity = (child) => (fallen(child) ? 7 : weight[child.status] ?? 5) * 4 + (child.recovering?.length > 0 || child.failing ? 2 : 0)

// A stopped child is trouble only while it was not meant to be stopped.
export const troubled = (child) => ['gave_up', 'parked', 'restarting'].includes(child.status) || fallen(child) || Boolean(child.failing)

// Flat lists, as /v1/view has them, become nested ones, as /v1/tree has them.
export function nested(children) {
  const byPath = new Map([...children].sort((a, b) => (a.order ?? 0) - (b.order ?? 0)).map((child) => [child.path, { ...child, children: [] }]))
  const roots = []
  for (const child of byPath.values()) (byPath.get(child.parent)?.children ?? roots).push(child)
  return roots
}

// Each node with what is below it: {data, children, parent, depth, counts, worst, total}.
export function grown(roots) {
  const top = hierarchy({ path: '', children: roots })
  top.eachAfter((node) => {
    node.counts = {}
    node.total = 0
    node.worst = node.parent ? severity(node.data) : 0
    for (const child of node.children ?? []) {
      node.total += child.total + 1
      node.worst = Math.max(node.worst, child.worst)
      node.counts[child.data.status] = (node.counts[child.data.status] ?? 0) + 1
      for (const [status, n] of Object.entries(child.counts)) node.counts[status] = (node.counts[status] ?? 0) + n
    }
  })
  return top
}

export const largeGroup = 60 // more children than this, and the group is closed at first

export const isOpen = (node, opened) => opened.get(node.data.path) ?? (node.children?.length ?? 0) <= largeGroup

// The rows that are shown. `opened` has what the reader has opened or closed. `find` keeps those whose path has it.
export function rowsOf(top, opened, { worstFirst = false, find = '' } = {}) {
  const rows = []
  if (find) {
    const low = find.toLowerCase()
    top.eachBefore((node) => { if (node.parent && node.data.path.toLowerCase().includes(low)) rows.push(node) })
    return worstFirst ? rows.sort((a, b) => b.worst - a.worst) : rows
  }
  const walk = (node) => {
    let list = node.children ?? []
    if (worstFirst) list = [...list].sort((a, b) => b.worst - a.worst || (a.data.order ?? 0) - (b.data.order ?? 0))
    list.forEach((child, i) => {
      child.place = i + 1
      child.among = list.length
      rows.push(child)
      if (child.children && isOpen(child, opened)) walk(child)
    })
  }
  walk(top)
  return rows
}

// Children without workers and supervisors: what the verdict counts.
export function leaves(top) {
  const found = []
  top.each((node) => { if (node.parent && node.data.kind !== 'worker' && node.data.kind !== 'supervisor') found.push(node.data) })
  return found
}
