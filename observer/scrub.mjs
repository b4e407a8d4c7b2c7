// How smooth is scrubbing? `STEWARD=/path/of/steward node scrub.mjs [CHILDREN|FILE]` starts a run with many children that
// crash, or shows what one has left, drags the moment over the whole timeline, and prints frames a second from the
// browser's own trace. bench/made_run.py makes a file of any size.
import { resolve } from 'node:path'
import { crowd, launch, open, record, run, until } from '../tests/observer/support.mjs'

const given = process.argv[2] ?? '10000'
const isFile = !/^\d+$/.test(given)
const children = Number(given)
const seconds = 5
const scenario = crowd('scrubbed', children, 'backoff: {min: 100ms, max: 1s}')
const browser = await launch()
const steward = isFile ? await record(resolve(given), 300_000) : await run(scenario, { more: ['--stay'] })
try {
  if (!isFile) {
    await until('all are up', async () => ((await steward.api('run')).last_order ?? 0) >= children + 2, 120_000)
    for (let i = 0; i < 300; i += 1) await steward.post(`children/root/crowd/one-${1 + ((i * 7) % 40)}/kill`)
  }
  const { total } = await steward.api('timeline?limit=1')
  const page = await open(browser, steward, { view: 'timeline' })
  await until('lanes', async () => Number(await page.getAttribute('.lanes', 'data-lanes')) === total, 60_000)
  const box = await page.locator('.lanes').boundingBox()
  const trace = await page.context().newCDPSession(page)
  const drawn = []
  trace.on('Tracing.dataCollected', ({ value }) => drawn.push(...value.filter((event) => ['DrawFrame', 'DroppedFrame', 'FunctionCall'].includes(event.name))))
  const done = new Promise((ended) => trace.on('Tracing.tracingComplete', ended))
  const [left, right, y] = [box.x + 260, box.x + box.width - 90, box.y + 200]
  await page.mouse.move(left, y)
  await page.mouse.down()
  await trace.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['devtools.timeline', 'disabled-by-default-devtools.timeline.frame', 'devtools.timeline.frame'] } })
  const began = performance.now()
  let moves = 0
  while (performance.now() - began < seconds * 1000) {
    const share = ((performance.now() - began) % 2000) / 1000
    // Not waited for: a hand does not wait either.
    const x = left + (right - left) * (share < 1 ? share : 2 - share)
    trace.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y, button: 'left', buttons: 1 }).catch(() => {})
    moves += 1
    await new Promise((ended) => setTimeout(ended, 8))
  }
  const took = (performance.now() - began) / 1000
  await page.mouse.up()
  await trace.send('Tracing.end')
  await done
  const frames = drawn.filter((event) => event.name === 'DrawFrame').map((event) => event.ts).sort((a, b) => a - b)
  const gaps = frames.slice(1).map((ts, i) => (ts - frames[i]) / 1000).sort((a, b) => a - b)
  const at = (share) => (gaps[Math.floor(gaps.length * share)] ?? 0).toFixed(1)
  const events = (await steward.api('run')).events
  console.log(`${total} children, ${events} events, ${moves} moves in ${took.toFixed(1)} s`)
  console.log(`${(frames.length / took).toFixed(1)} frames/s; between frames: half under ${at(0.5)} ms, 95 % under ${at(0.95)} ms, most ${at(0.9999)} ms; dropped: ${drawn.filter((event) => event.name === 'DroppedFrame').length}`)
  if (page.faults.length > 0) console.log('faults:', page.faults)
} finally {
  await browser.close()
  await steward.stop()
}
