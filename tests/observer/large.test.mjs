// A run with ten thousand children: only what is visible is in the page, and what is worst comes first.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { crowd, launch, open, run, show, textOf, until } from './support.mjs'

const many = 10_000
const scenario = crowd('large', many, 'intensity: {restarts: 1, within: 1h}, on_spent: park')
let steward, browser, page
before(async () => {
  browser = await launch()
  steward = await run(scenario, { more: ['--stay'] })
  await until('all are up', async () => ((await steward.api('run')).last_order ?? 0) >= many + 2, 60_000)
  page = await open(browser, steward)
  await page.waitForSelector('.scroll [role=row]')
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})
const paths = () => page.$$eval('.scroll [role=row]', (list) => list.map((row) => row.dataset.path))

test('the group is closed at first and says what is inside; open, it is a windowed list', async () => {
  assert.deepEqual(await paths(), ['/root', '/root/crowd'])
  await until('all are up', async () => /10,000 children inside: 10,000 up/.test(await textOf(page, '.scroll [data-path="/root/crowd"] .c-last')))
  await page.focus('.scroll [data-path="/root/crowd"]')
  await page.keyboard.press('ArrowRight')
  await until('it is open', async () => Number(await page.getAttribute('.treetable', 'data-rows')) === many + 2)
  assert.equal(Number(await page.getAttribute('.treetable', 'aria-rowcount')), many + 3)
  assert.ok((await paths()).length < 80)
  await page.keyboard.press('End')
  await until('the last one', async () => (await paths()).at(-1) === `/root/crowd/one-${many}`)
  await until('has the focus', () => page.evaluate((path) => document.activeElement.dataset.path === path, `/root/crowd/one-${many}`))
  assert.ok((await paths()).length < 80)
})

test('one that is parked comes first, and is found', async () => {
  await steward.post('children/root/crowd/one-7777/park')
  await until('it is first', async () => (await paths()).includes('/root/crowd/one-7777') || (await page.evaluate(() => { document.querySelector('.scroll').scrollTop = 0 })))
  assert.match(await textOf(page, '.attention'), /\/root\/crowd\/one-7777 parked/)
  assert.match(await textOf(page, '.verdict'), /^9999 of 10,000 children up: \/root\/crowd\/one-7777 parked/)
  await page.fill('input[type=search]', 'one-123')
  await until('found', async () => (await paths())[0] === '/root/crowd/one-123')
  assert.equal(Number(await page.getAttribute('.treetable', 'data-rows')), 11)
})

test('the timeline has a lane for each, and goes to that of the next crash', async () => {
  await steward.post('children/root/crowd/one-9000/kill')
  await show(page, 'timeline')
  await until('lanes', async () => Number(await page.getAttribute('.lanes', 'data-lanes')) === many + 2)
  await page.focus('.lanes')
  const crash = await until('the crash', async () => (await steward.api('crashes?limit=1')).crashes[0])
  await page.waitForSelector('nav .badge') // the page knows of the crash, too
  await page.keyboard.press('p')
  await page.waitForSelector(`.then[data-at="${crash.seq}"]`)
  await until('its lane', async () => (await page.getAttribute('.lanes', 'aria-valuetext')).includes('/root/crowd/one-9000: restarting') || (await page.getAttribute('.lanes', 'aria-valuetext')).includes('/root/crowd/one-9000: '))
  assert.deepEqual(page.faults, [])
})
