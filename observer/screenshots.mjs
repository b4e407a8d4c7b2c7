// Takes pictures of the page: `STEWARD=/path/of/steward node screenshots.mjs OUTDIR`. The run behind them crashes for real.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { launch, open, ready, run, show, until } from '../tests/observer/support.mjs'

const out = process.argv[2]
if (!out) throw new Error('say where the pictures are to go: node screenshots.mjs OUTDIR')
mkdirSync(out, { recursive: true })

const scenario = `
scenario: shop
tree:
  intensity: {restarts: 200, within: 1m}
  children:
    - id: orders
      supervisor:
        strategy: one_for_all
        intensity: {restarts: 50, within: 30s}
        children:
          - {id: cart, actor: counter, backoff: {min: 150ms, max: 1s}}
          - {id: stock, actor: counter}
    - {id: mailer, actor: counter, intensity: {restarts: 1, within: 1h}, on_spent: park}
    - id: images
      pool: {task: square_unless, runs_in: processes, workers: 4, attempts: 3, on_exception: retry, worker_restarts: {restarts: 200, within: 5s}, worker_backoff: {min: 20ms, max: 200ms}}
    - id: gateway
      command: [sh, -c, "echo listening on port 8080; sleep 2.5; echo 'cannot reach the database' >&2; exit 3"]
      backoff: {min: 300ms, max: 800ms}
run:
  - {map: {pool: images, task: factorial, inputs: {values: [400, 500, 600], times: 60}, print: []}, every: 1s}
  - {map: {pool: images, inputs: [[1, none], [4, segfault], [3, abort], [5, exit]], print: []}, every: 3s}
  - {crash: {actor: cart}, every: 2s}
  - {crash: {actor: mailer}, every: 3s}
`
const browser = await launch()
const steward = await run(scenario)
try {
  await until('enough has crashed', async () => ((await steward.api('run')).crash_count ?? 0) >= 24, 60_000)
  const crash = (await steward.api('crashes')).crashes.find((each) => each.cause.signal === 'SIGSEGV').id
  const views = { overview: 'overview', timeline: 'timeline', crash: `crashes/${crash}`, crashes: 'crashes', pools: 'pools', child: 'overview?child=/root/orders/cart', events: 'events', config: 'config' }
  const there = { timeline: '.lanes:not([data-lanes="0"])', crash: '.ladder', pools: '.chart canvas', config: '.plan', overview: '.scroll [role=row]', child: '.panel ul', crashes: '.alike', events: '.event' }
  const take = async (page, name, suffix) => {
    await show(page, views[name])
    await ready(page)
    await page.waitForSelector(there[name])
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    await page.screenshot({ path: join(out, `${name}-${suffix}.png`) })
  }
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(browser, steward, { colorScheme })
    for (const name of Object.keys(views)) await take(page, name, colorScheme)
    await page.context().close()
  }
  const narrow = await open(browser, steward, { viewport: { width: 360, height: 740 } })
  for (const name of ['overview', 'crash', 'crashes', 'pools', 'timeline']) await take(narrow, name, 'narrow')
  const wide = await open(browser, steward, { viewport: { width: 2560, height: 1300 } })
  await take(wide, 'child', 'wide')
  console.log(`pictures are in ${out}`)
} finally {
  await browser.close()
  await steward.stop()
}
