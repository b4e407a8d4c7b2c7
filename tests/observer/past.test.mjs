// Runs that are over: one whose root gave up, and one whose program was killed.
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { folder, launch, open, ranOut, record, run, show, textOf, textsOf, until } from './support.mjs'

const dying = `
scenario: dying
tree:
  intensity: {restarts: 2, within: 10s}
  children:
    - {id: left, actor: counter}
    - {id: right, actor: counter}
    - {id: cmd, command: [sh, -c, "echo cannot open the database >&2; sleep 0.1; exit 3"], backoff: {min: 10ms, max: 20ms}}
`
const chained = `
scenario: chained
tree:
  intensity: {restarts: 1, within: 1m}
  children:
    - id: storage
      supervisor:
        strategy: rest_for_one
        intensity: {restarts: 1, within: 1m}
        children:
          - {id: database, command: [sh, -c, "echo no space left >&2; sleep 0.1; exit 1"], backoff: {min: 10ms, max: 20ms}}
          - {id: cart, actor: counter}
    - {id: mailer, actor: counter}
`
const killed = `
scenario: killed
tree:
  intensity: {restarts: 9000, within: 1m}
  children:
    - {id: ticker, actor: counter, backoff: {min: 1ms, max: 5ms}}
run:
  - {crash: {actor: ticker}, every: 50ms}
`
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const rows = (page) => page.$$eval('.scroll [role=row]', (list) => list.map((row) => `${row.dataset.path} ${row.querySelector('.status').textContent.trim()}`))
const facts = (page) => page.$$eval('.story .fact', (list) => Object.fromEntries(list.map((fact) => [fact.querySelector('dt').textContent, fact.querySelector('dd').textContent.replace(/\s+/g, ' ').trim()])))

test('a run that gave up: what died first, why, what went with it, and what was lost', async (t) => {
  const file = join(folder, 'dying.jsonl')
  assert.equal(await ranOut(dying, ['--events', file]), 4)
  const past = await record(file)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  await page.waitForSelector('.story')
  const told = await facts(page)
  assert.match(told['Died first'], /^\/root\/cmd c-0001/)
  assert.match(told.Why, /^exit code 3.*(after|it wrote last:) .?cannot open the database/)
  assert.match(told.Again, /^2 times more.*c-0003/)
  assert.match(told.Then, /\/root reached its limit.*\/root gave up/)
  assert.match(told['With it went'], /^2 other children: \/root\/left and \/root\/right$/)
  assert.equal(told.Lost, 'no task or message lost; what 2 actors held in memory went with the run: /root/left and /root/right')
  assert.match(await textOf(page, '.verdict'), /^\/root gave up after .*exit code 4; 3 crashes, 2 recovered, no task or message lost/)
  assert.match(await textOf(page, '.link'), /a record/)
  // Nothing can be done any more.
  for (const view of ['overview?child=/root/cmd', 'pools', 'config']) {
    await show(page, view)
    assert.deepEqual(await page.$$('.verbs .grave'), [], view)
  }
  await page.waitForSelector('.note')
  assert.match(await textOf(page, '.note'), /There is no plan of this run/)
  assert.deepEqual((await textsOf(page, '.plan h3 .path')).sort(), ['/root', '/root/cmd', '/root/left', '/root/right'])
  // As it was: the last crash but one, by its link.
  await show(page, 'crashes/c-0002')
  await page.click('text=The tree as it was then')
  const { crashes } = await past.api('crashes')
  const { children } = await past.api(`view?at=${crashes.find((crash) => crash.id === 'c-0002').seq}`)
  const cmd = children.find((child) => child.path === '/root/cmd')
  await until('as it was', async () => (await rows(page)).includes(`/root/cmd ${cmd.status}`))
  assert.equal(cmd.status, 'restarting')
  await show(page, 'crashes/c-0002')
  await page.click('text=On the timeline')
  await until('the lane of whom it is about', async () => /\/root\/cmd: restarting/.test(await page.getAttribute('.lanes', 'aria-valuetext')))
  const run = await past.api('run')
  assert.ok(Number(await page.getAttribute('.lanes', 'data-from')) <= Date.parse(run.started) * 1000 + 1000, 'all that was before is there')
  assert.ok(Number(await page.getAttribute('.lanes', 'data-to')) >= Date.parse(run.ended) * 1000, 'and all that came')
  await show(page, 'overview')
  await page.click('text=Back to the end')
  await until('as it is', async () => (await rows(page)).includes('/root gave up'))
  assert.deepEqual(page.faults, [])
})

test('what died first is what nothing came back from, not what gave up for it', async (t) => {
  const file = join(folder, 'chain.jsonl')
  assert.equal(await ranOut(chained, ['--events', file]), 4)
  const past = await record(file)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  await page.waitForSelector('.story')
  const told = await facts(page)
  const { crashes } = await past.api('crashes')
  assert.ok(crashes.some((crash) => crash.path === '/root/storage'), 'its supervisor failed for it')
  const own = crashes.filter((crash) => crash.path === '/root/storage/database').map((crash) => crash.number)
  assert.match(told['Died first'], new RegExp(`^/root/storage/database c-000${Math.min(...own)} `))
  assert.match(told.Why, /after “no space left”/)
  assert.match(told['With it went'], /^2 other children: \/root\/mailer and \/root\/storage\/cart$/)
  assert.deepEqual(page.faults, [])
})

test('a program that was killed: what was up at last, and that its end is not told', async (t) => {
  const file = join(folder, 'killed.jsonl')
  const live = await run(killed, { more: ['--events', file] })
  await until('crashes', async () => ((await live.api('run')).crash_count ?? 0) > 5)
  await live.kill()
  const past = await record(file)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  await page.waitForSelector('.story')
  const told = await past.api('run')
  assert.equal(told.state, 'lost')
  assert.match((await facts(page)).End, /told of no end/)
  assert.match(await textOf(page, '.verdict'), new RegExp(`^The program was killed; .*; ${told.crash_count} crashes`))
  assert.ok((await rows(page)).includes('/root was up'))
  // Playing from the beginning comes to the end.
  await show(page, 'timeline')
  await until('lanes', async () => Number(await page.getAttribute('.lanes', 'data-lanes')) > 0)
  await page.click('text=10×')
  await until('it moves', async () => Number(await page.getAttribute('.lanes', 'data-cursor')) > 0)
  await page.waitForSelector('button[aria-pressed=true]', { state: 'detached' })
  const end = Number(await page.getAttribute('.lanes', 'data-cursor'))
  assert.ok(Math.abs(end / 1000 - Date.parse(told.now)) < 2, `${end} is the end`)
  await page.waitForSelector('.then[data-at]')
  assert.deepEqual(page.faults, [])
})

test('work that was cancelled with the run, and who had spent its restarts', async (t) => {
  const state = join(folder, 'shop.state')
  const scenario = `
scenario: shop
tree:
  intensity: {restarts: 1, within: 1m}
  children:
    - id: payments
      supervisor:
        intensity: {restarts: 1, within: 30s}
        children:
          - {id: gateway, command: [sh, -c, "until grep -q c-0001 shop.jsonl; do sleep 0.1; done 2>/dev/null; sleep 1; echo its certificate has expired >&2; exit 2"], backoff: {min: 10ms, max: 20ms}}
    - {id: mailer, actor: counter}
    - {id: invoices, pool: {task: wait_ms, runs_in: processes, workers: 2}}
run:
  - crash: {actor: mailer}
  - map: {pool: invoices, inputs: {value: 20000, times: 6}, print: []}
`
  assert.equal(await ranOut(scenario, ['--state', state, '--events', join(folder, 'shop.jsonl')]), 4)
  const past = await record(state)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  await page.waitForSelector('.story')
  const { pool } = await past.api('pools/root/invoices')
  assert.equal(pool.succeeded ?? 0, 0)
  assert.equal(pool.valueless, 6)
  assert.match(await textOf(page, '.verdict'), /6 tasks cancelled, no message lost/)
  const told = await facts(page)
  assert.match(told.Why, /^exit code 2, after “its certificate has expired”$/)
  assert.match(told['Restarts spent'], /^c-0001 \/root\/mailer: all 1 that were allowed in 1 min$/)
  assert.match(told.Again, /^1 time more/)
  await show(page, 'pools')
  await until('what became of them', async () => /6 cancelled.*No task met a fault; 6 were cancelled before they had a value/.test(await textOf(page, '.pool')))
  // The step hears of the end of its pool, or of that of the tree, whichever comes first.
  const failed = (await past.api('events?kind=output')).some((event) => event.text.startsWith('FAILED: '))
  await show(page, failed ? 'events?level=warn' : 'events')
  await until('the failed step is told', async () => (failed ? /FAILED: .*tasks? / : /given up: 6 of 6 inputs not run/).test(await textOf(page, '.logbox')))
  await show(page, 'config')
  const plan = await past.api('plan')
  await until('the plan of then', async () => (await textsOf(page, '.plan h3 .path')).join() === ['/root', '/root/payments', '/root/payments/gateway', '/root/mailer', '/root/invoices'].join())
  assert.equal(plan.tree.values.find((value) => value.field === 'intensity.restarts').value, '1')
  assert.match(told.Lost, /^6 tasks cancelled, no message lost \(6 of \/root\/invoices\); what 1 actor held in memory went with the run: \/root\/mailer; and before, what these held at each of their restarts: \/root\/mailer \(1\)$/)
  // At a moment of which no figures are kept they are not known, which is not the same as none.
  await show(page, 'crashes/c-0001')
  await page.click('article.crash .moment')
  await page.waitForSelector('.banner.is-then')
  await show(page, 'pools')
  await until('nothing is claimed', async () => /\?not known waiting.*\?not known with workers.*No task was retried or failed/.test(await textOf(page, '.pool')))
  const { samples } = await past.api('samples?path=/root/invoices')
  assert.ok(samples.length > 0, 'the run takes longer than a second')
  await page.click('text=Back to the end')
  await until('the last figures', async () => /last: waiting \d+, with workers \d/.test(await textOf(page, '.pool')) || samples.length < 3) // a chart needs three
})

test('a record that is still being written is followed', async (t) => {
  const whole = join(folder, 'whole.jsonl')
  const grows = join(folder, 'grows.jsonl')
  assert.equal(await ranOut(dying, ['--events', whole]), 4)
  const lines = readFileSync(whole, 'utf8').split('\n').filter(Boolean)
  const firstCrash = lines.findIndex((line) => JSON.parse(line).kind === 'crash')
  writeFileSync(grows, `${lines.slice(0, firstCrash).join('\n')}\n`)
  const past = await record(grows)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  assert.match(await textOf(page, '.verdict'), /^The program was killed; 3 children of 3 were up; no crash/)
  appendFileSync(grows, `${lines.slice(firstCrash).join('\n')}\n`)
  await page.waitForFunction(() => /gave up after .*3 crashes/.test(document.querySelector('.verdict').textContent))
  await show(page, 'events')
  await until('the last line is in sight', () => page.$eval('.logbox', (box) => box.scrollHeight > box.clientHeight && box.scrollHeight - box.scrollTop - box.clientHeight < 2))
})

test('a child that ended by a crash does not look like one that was stopped', async (t) => {
  const file = join(folder, 'fell.jsonl')
  const scenario = `
scenario: fell
tree:
  children:
    - {id: fragile, actor: counter, intensity: {restarts: 0, within: 1m}, on_spent: end}
    - {id: sound, actor: counter}
run:
  - crash: {actor: fragile}
`
  assert.equal(await ranOut(scenario, ['--events', file]), 0)
  const past = await record(file)
  const page = await open(browser, past)
  t.after(async () => { await page.context().close(); await past.stop() })
  const told = await rows(page)
  assert.ok(told.includes('/root/fragile ended by a crash'), told.join('; '))
  assert.ok(told.includes('/root/sound stopped'), told.join('; '))
  const colour = (path) => page.$eval(`.scroll [data-path="${path}"] .status`, (element) => getComputedStyle(element).color)
  assert.notEqual(await colour('/root/fragile'), await colour('/root/sound'))
})
