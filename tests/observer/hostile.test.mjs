// A child can write anything, and none of it may become part of the page, or look like something else.
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { folder, launch, open, ready, run, show, textOf, until } from './support.mjs'

const markup = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
const program = join(folder, '<img src=x onerror=window.pwned=3>')
writeFileSync(program, `#!/bin/sh
printf '%s\\n' '${markup}' >&2
printf 'red \\033[31m nul \\001 back \\b bidi \\342\\200\\256 evil \\342\\201\\246 zero \\342\\200\\213 soft \\302\\255 bad \\377 tag \\363\\240\\201\\201 end\\n' >&2
head -c 3000 /dev/zero | tr '\\0' y >&2; echo >&2
printf '%s\\n' '${markup}'
sleep 0.3
exit 3
`)
chmodSync(program, 0o755)
const scenario = `
scenario: hostile
tree:
  intensity: {restarts: 9000, within: 1m}
  children:
    - {id: wild, command: ["${program}"], restart: temporary, logs: {lines_a_second: 1000}}
    - id: squares
      pool: {task: square_unless, runs_in: processes, workers: 1, attempts: 1, on_exception: retry}
run:
  - {map: {pool: squares, inputs: [[4, segfault]], print: []}}
`
let steward, browser, page
before(async () => {
  browser = await launch()
  steward = await run(scenario, { more: ['--stay'] })
  await until('it has crashed', async () => (await steward.api('crashes')).crashes.some((crash) => crash.path === '/root/wild'))
  page = await open(browser, steward)
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})

const views = async () => {
  const crash = (await steward.api('crashes')).crashes.find((each) => each.path === '/root/wild')
  return [`crashes/${crash.id}`, 'overview', 'overview?child=/root/wild', 'timeline', 'crashes', 'pools', 'events?level=debug', 'config']
}

test('the text is there, and as text', async () => {
  const [crash] = await views()
  await show(page, crash)
  await page.waitForSelector('.written')
  const text = await textOf(page, '.written')
  assert.ok(text.includes(markup), text)
  for (const code of ['\\u001b[31m', '\\u0001', '\\u0008', '\\u202e', '\\u2066', '\\u200b', '\\u00ad', '\\udb40\\udc41']) assert.ok(text.includes(code), `${code} in ${text}`)
  await show(page, 'events?level=debug&kind=log')
  await until('the line of the log', async () => (await textOf(page, '.logbox')).includes(markup))
})

test('in no view does it become markup, or keep what is unseen', async () => {
  for (const view of await views()) {
    await show(page, view)
    await ready(page)
    if (view.startsWith('events')) await until('lines', async () => (await textOf(page, '.logbox')).includes('\\u202e'))
    const found = await page.evaluate(() => ({
      pwned: window.pwned, made: document.querySelectorAll('img, main script, iframe').length,
      unseen: /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/.exec(document.body.textContent)?.index,
      titles: [...document.querySelectorAll('[title], [aria-label]')].some((element) => /[\u0001-\u0008\u202a-\u202e]/.test(`${element.title}${element.getAttribute('aria-label')}`)),
    }))
    assert.deepEqual(found, { pwned: undefined, made: 0, unseen: undefined, titles: false }, view)
  }
  assert.deepEqual(page.faults, [])
})

test('a task that killed its worker each time is in quarantine, and is said to be lost', async () => {
  const poison = (await steward.api('events?kind=task_quarantine'))[0]
  await show(page, 'pools')
  await page.waitForSelector(`.tasks tr[data-task="${poison.task.id}"][data-fate=quarantined]`)
  await show(page, 'overview')
  await until('the verdict', async () => /1 task lost/.test(await textOf(page, '.verdict')))
})

test('a long line is cut, and can be seen whole', async () => {
  const [crash] = await views()
  await show(page, crash)
  await page.waitForSelector('.written button.more')
  const longest = () => page.$$eval('.written .foreign', (list) => Math.max(...list.map((line) => line.textContent.length)))
  assert.ok(await longest() < 400)
  const button = page.locator('.written button.more').first()
  assert.match(await button.textContent(), /show all \([\d,]+ characters\)/)
  await button.click()
  assert.ok(await longest() >= 500)
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
})
