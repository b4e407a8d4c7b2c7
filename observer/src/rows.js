// A list of which only the rows that can be seen are in the page. All rows are equally high.
import { useEffect, useRef, useState } from 'preact/hooks'

// For a box that scrolls by itself: answers {box, first, last}; `box` is its ref.
export function useWindow(total, high, spare = 6) {
  const box = useRef(null)
  const [range, setRange] = useState([0, 40])
  useEffect(() => {
    const element = box.current
    if (!element) return
    let frame = 0
    const measure = () => {
      frame = 0
      const first = Math.max(0, Math.floor(element.scrollTop / high) - spare)
      const last = Math.min(total, Math.ceil((element.scrollTop + element.clientHeight) / high) + spare)
      setRange((before) => (before[0] === first && before[1] === last ? before : [first, last]))
    }
    const soon = () => { frame ||= requestAnimationFrame(measure) }
    const size = new ResizeObserver(soon)
    size.observe(element)
    element.addEventListener('scroll', soon, { passive: true })
    measure()
    return () => { size.disconnect(); element.removeEventListener('scroll', soon); cancelAnimationFrame(frame) }
  }, [total, high, box.current])
  return { box, first: Math.min(range[0], total), last: Math.min(range[1], total) }
}

// Brings row `i` into sight, below `above` pixels that are covered.
export function reveal(element, i, high, above = 0) {
  if (!element) return
  const top = i * high
  if (top < element.scrollTop) element.scrollTop = top
  else if (top + high + above > element.scrollTop + element.clientHeight) element.scrollTop = top + high + above - element.clientHeight
}
