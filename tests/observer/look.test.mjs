// How the page is made: usable by all, on small screens, without asking anybody else, and without keeping the token.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { axeSource, launch, open, ready, run, show, until } from './support.mjs'

const scenario = `
scenario: looked-at-with-a-rather-long-name
tree:
  intensity: {restarts: 50, within: 1m}
  children:
    - id: pair
      supervisor: {strategy: one_for_all, children: [{id: left, actor: counter}, {id: right-with-a-name-that-is-rather-long-indeed, actor: counter}]}
    - {id: frail, actor: counter, intensity: {restarts: 1, within: 1h}, on_spent: park}
    - id: squares
      pool: {task: square_unless, runs_in: processes, workers: 2, attempts: 2, on_exception: retry, worker_restarts: {restarts: 20, within: 5s}}
run:
  - {map: {pool: squares, inputs: [[1, none], [4, segfault], [5, exit]], print: []}}
  - crash: {actor: left}
  - crash: {actor: frail}
  - crash: {actor: frail}
`
let steward, browser
before(async () => {
  browser = await launch()
  steward = await run(scenario, { more: ['--stay'] })
  await until('the child is parked', async () => (await steward.api('children/root/frail')).status === 'parked')
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})
const views = ['overview', 'overview?child=/root/squares', 'timeline', 'crashes', 'crashes/c-0001', 'pools', 'events?level=debug', 'config']
const later = ['overview', 'timeline'] // more of them is looked at in another state
const there = { pools: '.chart canvas', config: '.plan', timeline: '.lanes:not([data-lanes="0"])', 'crashes/c-0001': '.ladder', 'overview?child=/root/squares': '.panel .verbs' }
const go = async (page, view) => {
  await show(page, view)
  await ready(page)
  if (there[view]) await page.waitForSelector(there[view])
}

test('axe has no serious finding in light or dark, and nothing is wider than the window', async () => {
  const page = await open(browser, steward, { colorScheme: 'light', reducedMotion: 'reduce' })
  await page.evaluate(axeSource)
  const check = async (where, options = {}) => {
    const { violations } = await page.evaluate((more) => window.axe.run(document, { resultTypes: ['violations'], ...more }), options)
    const grave = violations.filter((found) => ['serious', 'critical'].includes(found.impact))
    assert.deepEqual(grave.map((found) => `${where}: ${found.id}: ${found.nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`).slice(0, 3).join(' | ')}`), [])
  }
  // In the dark only colours are others.
  const both = async (where) => {
    await check(where)
    await page.emulateMedia({ colorScheme: 'dark' })
    await check(`${where}, dark`, { runOnly: ['color-contrast'] })
    await page.emulateMedia({ colorScheme: 'light' })
  }
  for (const view of views) {
    await go(page, view)
    if (!later.includes(view)) await both(view)
    for (const width of [360, 2560, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      await until(`${view} fits into ${width}`, async () => {
        const [has, may] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        if (may !== width || has > may) throw new Error(`${has} of ${may}`)
        return true
      })
    }
  }
  // A moment of the past, and a dialog.
  await page.click('header >> text=Timeline')
  await page.waitForSelector(there.timeline) // the lanes have come, so the keys are heard
  await page.focus('.lanes')
  await page.keyboard.press('p')
  await page.waitForSelector('.then[data-at]:not([data-at=""])')
  await both('a moment')
  await page.keyboard.press('Escape')
  await go(page, 'config')
  await page.click('text=Shut down')
  await page.waitForSelector('dialog[open]')
  await both('a dialog')
  assert.deepEqual(page.faults, [])
  assert.deepEqual(page.foreign, [])
  await page.context().close()
})

test('nothing is inline, and the token is nowhere', async () => {
  const page = await open(browser, steward)
  await go(page, 'events')
  assert.ok(!page.url().includes('token'))
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML, history.state, performance.getEntries().filter((entry) => entry.name.includes('token')).map((entry) => entry.entryType)]))
  assert.ok(!kept.includes(steward.token))
  const html = await (await page.request.get(`${steward.origin}/`)).text()
  assert.ok(!/<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?:/i.test(html), html)
  const answer = await page.request.get(`${steward.origin}/observer.js`)
  assert.match(answer.headers()['content-security-policy'], /default-src 'self'/)
  // Without the cookie, the data is not to be had.
  assert.equal((await fetch(`${steward.origin}/v1/run`)).status, 401)
  await page.goto(`${steward.origin}/?token=${'0'.repeat(steward.token.length)}`).catch(() => {})
  assert.deepEqual(page.faults, [])
})
