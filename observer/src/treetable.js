// The tree as a table of which only the visible rows are in the page. By keyboard it works as trees do: up and down,
// right opens, left closes, Enter shows details.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { curve, grew, waiting } from './history.js'
import { html } from './html.js'
import { Budget, Empty, Foreign, Spark, Status } from './parts.js'
import { reveal, useWindow } from './rows.js'
import { moment } from './state.js'
import { count, listed, many, seen, statusWords } from './text.js'
import { fallen, isOpen, rowsOf } from './tree.js'

const high = 34

// What is inside of a closed group, in words.
const inside = (node) => {
  const parts = Object.entries(node.counts).sort((a, b) => a[1] - b[1]).map(([status, n]) => `${count(n)} ${statusWords[status] ?? seen(status)}`)
  return `${many(node.total, 'child', 'children')} inside: ${listed(parts)}`
}

const Row = ({ node, i, open, tab, now, was, selected, find, toggle, pick, keys }) => {
  const child = node.data
  const short = child.path.slice(child.path.lastIndexOf('/') + 1) || child.path
  const points = moment.value ? null : curve(child)
  const depth = find ? 0 : node.depth - 1
  const queued = waiting(child.figures?.last)
  const level = useRef(null)
  useEffect(() => { level.current?.style.setProperty('--depth', Math.min(depth, 12)) }, [depth])
  return html`<div class=${`row${selected ? ' is-selected' : ''}`} role="row" aria-level=${find ? 1 : node.depth} aria-rowindex=${i + 2} aria-selected=${selected}
    aria-expanded=${node.children && !find ? open : undefined} tabindex=${tab ? 0 : -1} data-path=${child.path} data-status=${child.status} onKeyDown=${keys} onClick=${() => pick(child.path)}>
    <div class="c-name" role="gridcell" ref=${level}>
      ${node.children && !find ? html`<button class="twist" tabindex="-1" aria-label=${`${open ? 'Close' : 'Open'} ${seen(child.path)}`} onClick=${(event) => { event.stopPropagation(); toggle(node) }}><span aria-hidden="true">${open ? '▾' : '▸'}</span></button>` : html`<span class="twist" aria-hidden="true"></span>`}
      <bdi class="id" title=${seen(child.path)}>${seen(find ? child.path : short)}</bdi> <span class="kind">${child.kind === 'supervisor' ? child.strategy ?? 'supervisor' : seen(child.kind ?? '')}</span>
    </div>
    <div class="c-status" role="gridcell"><${Status} status=${child.status} due=${moment.value ? null : child.due} was=${was} fell=${fallen(child)} /></div>
    <div class="c-inc" role="gridcell">${child.incarnation ? html`<span class="unseen">incarnation </span>#${child.incarnation}` : ''}</div>
    <div class="c-budget" role="gridcell"><${Budget} budget=${child.below ?? child.own} now=${now} what=${child.below ? 'restarts below it' : 'its own restarts'} /></div>
    <div class="c-wait" role="gridcell">${queued !== undefined && html`<${Spark} points=${points} label=${`${child.kind === 'pool' ? 'queue' : 'mailbox'} over time`} /><span class="num">${count(queued)}</span>`}</div>
    <div class="c-last" role="gridcell">${node.children && !open && !find ? html`<span class="faint">${inside(node)}</span>` : child.last_cause ? html`<${Foreign} text=${child.last_cause} most=${120} lines=${false} more=${false} />` : ''}</div>
  </div>`
}

export function TreeTable({ top, find, worstFirst, now, was, selected, pick }) {
  const [opened, setOpened] = useState(() => new Map())
  const [at, setAt] = useState(null) // the path that has the focus
  grew.value // drawn again when a curve has come
  const rows = useMemo(() => rowsOf(top, opened, { worstFirst, find }), [top, opened, worstFirst, find])
  const { box, first, last } = useWindow(rows.length, high)
  const wanted = useRef(null)
  const index = Math.max(0, rows.findIndex((node) => node.data.path === at))
  const toggle = (node) => setOpened((before) => new Map(before).set(node.data.path, !isOpen(node, before)))
  const move = (i) => {
    const to = Math.min(rows.length - 1, Math.max(0, i))
    wanted.current = rows[to].data.path
    setAt(rows[to].data.path)
    reveal(box.current, to, high)
  }
  useEffect(() => {
    if (!wanted.current) return
    const row = [...(box.current?.querySelectorAll('[role=row]') ?? [])].find((each) => each.dataset.path === wanted.current)
    if (row) { row.focus({ preventScroll: true }); wanted.current = null }
  })
  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.tagName === 'BUTTON') return
    const i = rows.findIndex((node) => node.data.path === event.currentTarget.dataset.path)
    const node = rows[i]
    const open = node.children && isOpen(node, opened)
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? high * 10) / high) - 1)
    const does = {
      ArrowDown: () => move(i + 1), ArrowUp: () => move(i - 1), PageDown: () => move(i + page), PageUp: () => move(i - page),
      Home: () => move(0), End: () => move(rows.length - 1), Enter: () => pick(node.data.path), ' ': () => pick(node.data.path),
      ArrowRight: () => { if (node.children && !find) open ? move(i + 1) : toggle(node) },
      ArrowLeft: () => {
        if (find) return
        if (open) toggle(node)
        else move(rows.findIndex((other) => other === node.parent))
      },
    }[event.key]
    if (!does) return
    event.preventDefault()
    does()
  }
  const before = useRef(null)
  const inner = useRef(null)
  useEffect(() => {
    inner.current?.style.setProperty('height', `${rows.length * high}px`)
    before.current?.style.setProperty('transform', `translateY(${first * high}px)`)
  }, [rows.length, first])
  return html`<div class="treetable" role="treegrid" aria-label="Children" aria-rowcount=${rows.length + 1} data-rows=${rows.length}>
    <div role="rowgroup"><div class="row head" role="row" aria-rowindex="1">
      <div class="c-name" role="columnheader">Child</div><div class="c-status" role="columnheader">Status</div><div class="c-inc" role="columnheader"><abbr title="incarnation: which life of it this is">Inc</abbr></div>
      <div class="c-budget" role="columnheader">Restarts</div><div class="c-wait" role="columnheader">Waiting</div><div class="c-last" role="columnheader">Last cause</div></div></div>
    <div class="scroll" role="rowgroup" ref=${box}><div class="inner" role="presentation" ref=${inner}><div class="seen" role="presentation" ref=${before}>
      ${rows.slice(first, last).map((node, k) => html`<${Row} key=${node.data.path} node=${node} i=${first + k} open=${isOpen(node, opened)} tab=${first + k === index || (k === 0 && (index < first || index >= last))}
        now=${now} was=${was && node.data.status === 'up'} selected=${selected === node.data.path} find=${find} toggle=${toggle} pick=${(path) => { setAt(path); pick(path) }} keys=${keys} />`)}
    </div></div></div>
    ${rows.length === 0 && html`<div role="rowgroup"><div role="row"><div role="gridcell"><${Empty}>No child has this in its path.<//></div></div></div>`}
  </div>`
}
