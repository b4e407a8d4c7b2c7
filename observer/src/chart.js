// A chart of figures over time, by uPlot. A table of the last values stands for it where it cannot be seen.
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { html } from './html.js'
import { clock } from './text.js'

// `series`: [{name, colour (a variable of the style sheet), dash}], `data`: [seconds, values, ...], `unit`: of a value.
// `now`: what the last value is called.
export function Chart({ title, series, data, now = 'now', least = 1e-6, unit = (value) => String(value) }) {
  const place = useRef(null)
  const plot = useRef(null)
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    const element = place.current
    const make = () => {
      plot.current?.destroy()
      const style = getComputedStyle(element)
      const colour = (name) => style.getPropertyValue(name).trim()
      const axis = { stroke: colour('--faint'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 }, font: `11px ${style.fontFamily}` }
      plot.current = new uPlot({
        width: Math.max(200, element.clientWidth), height: 150, legend: { show: false }, cursor: { drag: { x: false, y: false } },
        axes: [{ ...axis, space: 80, values: (_, ticks) => ticks.map((tick) => clock(tick * 1e6, 0)) }, { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => unit(tick)) }],
        scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(least, (high ?? 1) * 1.08)] } },
        series: [{}, ...series.map((each) => ({ label: each.name, stroke: colour(each.colour), width: 1.5, dash: each.dash, points: { show: Boolean(each.points), size: 4 }, fill: each.fill ? `${colour(each.colour)}22` : undefined }))],
      }, latest.current, element)
    }
    make()
    const size = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(200, element.clientWidth), height: 150 }))
    size.observe(element)
    const theme = matchMedia('(prefers-color-scheme: dark)')
    theme.addEventListener('change', make)
    return () => { size.disconnect(); theme.removeEventListener('change', make); plot.current?.destroy(); plot.current = null }
  }, [title])
  useEffect(() => { plot.current?.setData(data) }, [data])
  const last = series.map((each, i) => `${each.name} ${data[i + 1]?.length > 0 && data[i + 1].at(-1) !== null ? unit(data[i + 1].at(-1)) : 'none'}`).join(', ')
  return html`<figure class="chart"><figcaption><strong>${title}</strong> <span class="keys">${series.map((each, i) => html`<span class=${`key s-${i}`}>${each.name}</span>`)}</span> <span class="faint">${now}: ${last}</span></figcaption><div ref=${place} aria-hidden="true"></div></figure>`
}
