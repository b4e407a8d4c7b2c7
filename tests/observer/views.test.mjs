// Each view shows what the API says, of a run in which things crashed and one child is parked.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open, ready, run, show, textOf, textsOf, until } from './support.mjs'

const scenario = `
scenario: mixed
tree:
  intensity: {restarts: 50, within: 1m}
  children:
    - id: pair
      supervisor:
        strategy: one_for_all
        children:
          - {id: left, actor: counter}
          - {id: right, actor: counter}
    - {id: frail, actor: counter, intensity: {restarts: 1, within: 1h}, on_spent: park}
    - id: squares
      pool: {task: square_unless, runs_in: processes, workers: 2, attempts: 2, on_exception: retry, worker_restarts: {restarts: 20, within: 5s}}
run:
  - {map: {pool: squares, inputs: [[1, none], [4, segfault], [5, exit]], print: []}}
  - crash: {actor: left}
  - crash: {actor: frail}
  - crash: {actor: frail}
`
let steward, browser, page
before(async () => {
  browser = await launch()
  steward = await run(scenario, { more: ['--stay'] })
  await until('the child is parked', async () => (await steward.api('children/root/frail')).status === 'parked')
  page = await open(browser, steward)
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})

const flat = (nodes) => nodes.flatMap((node) => [node, ...flat(node.children ?? [])])
const words = { up: 'up', parked: 'parked', restarting: 'restarting', stopped: 'stopped', gave_up: 'gave up' }

test('overview: the tree is that of the API, in its order, with status, incarnation and budget', async () => {
  const expected = flat((await steward.api('tree')).children)
  await until('all rows', async () => (await page.$$('.scroll [role=row]')).length === expected.length)
  const rows = await page.$$eval('.scroll [role=row]', (list) => list.map((row) => ({
    path: row.dataset.path, status: row.querySelector('.status').textContent.trim(), inc: row.querySelector('.c-inc').textContent.replace(/\D/g, ''),
    budget: row.querySelector('.c-budget').textContent.trim(), level: Number(row.getAttribute('aria-level')), cause: row.querySelector('.c-last').textContent.trim(),
    shape: row.querySelector('svg.shape path').getAttribute('d'),
  })))
  assert.deepEqual(rows.map((row) => row.path), expected.map((child) => child.path))
  for (const [i, child] of expected.entries()) {
    assert.equal(rows[i].status, words[child.status], child.path)
    assert.equal(Number(rows[i].inc), child.incarnation ?? 0, child.path)
    assert.equal(rows[i].level, child.path.split('/').length - 1, child.path)
    assert.match(rows[i].cause, child.last_cause ? new RegExp(`^${child.last_cause.slice(0, 10).replace(/\W/g, '\\$&')}`) : /^$/, child.path)
    const budget = child.below ?? child.own
    assert.match(rows[i].budget, budget ? new RegExp(`^\\d+ of ${budget.limit}`) : /^$/, child.path)
  }
  assert.equal(rows.find((row) => row.path === '/root/frail').budget, '1 of 1 in 1 h')
  assert.notEqual(rows.find((row) => row.path === '/root/frail').shape, rows[0].shape) // told without colour, too
})

test('overview: the verdict says what is down, and what crashed', async () => {
  const { crash_count: crashes, summary } = await steward.api('run')
  const text = await textOf(page, '.verdict')
  assert.match(text, /^3 of 4 children up: \/root\/frail parked;/)
  assert.ok(text.includes(`${crashes} crashes, ${summary.recoveries} recovered`), text)
  assert.equal(await page.getAttribute('.verdict', 'data-verdict'), 'bad')
  const { crashes: last } = await steward.api('crashes?limit=6')
  assert.deepEqual(await page.$$eval('.latest li > a', (list) => list.map((a) => a.textContent)), last.map((crash) => crash.id))
})

test('overview: one child, with what the API knows of it', async () => {
  await show(page, 'overview?child=/root/pair/left')
  await page.waitForSelector('.panel[data-child="/root/pair/left"]')
  const child = await steward.api('children/root/pair/left')
  await page.waitForSelector('.panel ul.tight a')
  const text = await textOf(page, '.panel')
  assert.ok(text.includes(`${child.incarnation}; ${child.restarts} restart`), text)
  assert.ok(text.includes(child.last_cause), text)
  assert.deepEqual(await page.$$eval('.panel ul.tight a', (list) => list.map((a) => a.textContent)), child.latest_crashes.map((crash) => crash.id).reverse())
})

test('crashes: groups and single crashes', async () => {
  await show(page, 'crashes')
  await ready(page)
  const told = await steward.api('crashes')
  assert.equal(Number(await page.getAttribute('.lead', 'data-count')), told.crash_count)
  const groups = await page.$$eval('.alike tbody tr', (list) => list.map((row) => [row.dataset.fingerprint, Number(row.querySelector('.n').textContent)]))
  assert.deepEqual(new Map(groups), new Map(told.alike.map((group) => [group.fingerprint, group.count])))
  assert.deepEqual(await page.$$eval('.each tbody tr', (list) => list.map((row) => row.dataset.crash)), told.crashes.map((crash) => crash.id))
})

test('one crash: the account, and its ladder as steps', async () => {
  const crash = (await steward.api('crashes')).crashes.find((each) => each.cause.signal === 'SIGSEGV')
  await show(page, `crashes/${crash.id}`)
  await page.waitForSelector(`article[data-crash="${crash.id}"]`)
  const account = await steward.api(`crashes/${crash.id}/account`)
  const text = await textOf(page, 'article.crash')
  for (const part of [account.meaning, account.author, crash.cause.signal, `attempt ${crash.task.attempt} of ${crash.task.attempts}`, `pid ${crash.pid}`]) assert.ok(text.includes(part), `${part} in ${text}`)
  const steps = await textsOf(page, '.ladder .step')
  assert.deepEqual(steps.slice(-account.ladder.length), account.ladder.map((line) => line.replace(/\s+/g, ' ')))
  assert.match(steps[1], new RegExp(`restart ${crash.decision.restarts} of ${crash.decision.limit}`))
  assert.deepEqual(await page.$$eval('article .log li', (list) => list.map((line) => Number(line.dataset.seq))), [...account.before, ...account.after].map((event) => event.seq))
  const telling = await textsOf(page, '.frames li')
  assert.equal(telling.length, account.where.length)
  telling.forEach((line, i) => assert.ok(line.startsWith(account.where[i].replace(/\s+/g, ' ').slice(0, 150)), `${line} for ${account.where[i]}`))
  await page.click('.crash button[aria-expanded]')
  assert.deepEqual(await textsOf(page, '.frames li'), crash.cause.frames.map((frame, i) => `#${i} ${frame.length > 180 ? `${frame.slice(0, 160)}… show all (${frame.length} characters)` : frame}`))
})

test('a group that restarted together is named in the crash', async () => {
  const crash = (await steward.api('crashes')).crashes.find((each) => each.path === '/root/pair/left')
  await show(page, `crashes/${crash.id}`)
  await page.waitForSelector(`article[data-crash="${crash.id}"]`)
  const step = (await textsOf(page, '.ladder .step'))[1]
  assert.match(step, /the strategy is one_for_all/)
  assert.match(step, /with it: \/root\/pair\/right/)
})

test('pools: workers, totals, and tasks that were retried', async () => {
  await show(page, 'pools')
  await page.waitForSelector('.pool .tasks')
  const pool = await steward.api('pools/root/squares')
  const cells = await page.$$eval('.cell', (list) => list.map((cell) => [cell.dataset.worker, cell.dataset.status]))
  const workers = flat((await steward.api('tree')).children).filter((child) => child.kind === 'worker').map((child) => [child.path, child.status])
  assert.deepEqual(cells, workers)
  const numbers = Object.fromEntries((await page.$$eval('.pool .number', (list) => list.map((n) => [n.querySelector('span').textContent, n.querySelector('strong').textContent]))))
  assert.equal(Number(numbers.retried), pool.pool.retried)
  assert.equal(Number(numbers['worker crashes']), pool.pool.worker_crashes)
  assert.equal(Number(numbers.done), pool.figures.last.succeeded)
  const retried = await steward.api('events?kind=task_retry')
  assert.deepEqual(new Set(await page.$$eval('.tasks tbody tr', (list) => list.map((row) => Number(row.dataset.task)))), new Set(retried.map((event) => event.task.id)))
  await page.waitForSelector('.chart canvas')
})

test('pools: what each worker runs, and for how long', async (t) => {
  const busy = await run(`
scenario: busy
tree:
  children:
    - {id: apart, pool: {task: wait_ms, runs_in: processes, workers: 2}}
    - {id: threads, pool: {task: wait_ms, runs_in: threads, workers: 3}}
run:
  - parallel:
      - {map: {pool: apart, inputs: [60000], print: []}}
      - {map: {pool: threads, inputs: [60000, 60000], print: []}}
`)
  const shown = await open(browser, busy, { view: 'pools' })
  t.after(async () => { await shown.context().close(); await busy.stop() })
  const hands = async (pool) => (await busy.api(`pools/root/${pool}`)).figures?.last?.in_hand ?? []
  await until('all have begun', async () => (await hands('apart')).length === 1 && (await hands('threads')).length === 2)
  const cells = (pool) => shown.$$eval(`[data-pool="/root/${pool}"] .cell`, (list) => list.map((cell) => [cell.dataset.worker.replace(/.*\//, ''), cell.dataset.task ?? '', `${cell.querySelector('.hand').textContent} ${cell.querySelector('.hand + span').textContent}`.replace(/\s+/g, ' ').trim()]))
  for (const [pool, busyOnes] of [['apart', 1], ['threads', 2]]) {
    await until(`${pool} is shown`, async () => (await cells(pool)).filter(([, task]) => task).length === busyOnes)
    const told = new Map((await hands(pool)).map((each) => [each.worker, each]))
    const all = await cells(pool)
    assert.equal(all.length, busyOnes + 1)
    for (const [worker, task, text] of all) {
      if (!told.has(worker)) assert.deepEqual([task, text], ['', 'idle'])
      else assert.match(text, new RegExp(`^runs wait_ms ${told.get(worker).id} for [\\d.]+ (ms|s)$`))
    }
  }
  assert.deepEqual(shown.faults, [])
})

test('events: filters are the server\'s, each line once and in order', async () => {
  for (const [query, api] of [['level=debug', ''], ['kind=crash', 'kind=crash'], ['level=warn', 'level=warn'], ['actor=/root/pair', 'actor=/root/pair*&level=info']]) {
    await show(page, `events?${query}`)
    const expected = (await steward.api(`events?${api}`)).map((event) => event.seq)
    await until(`events of ${query}`, async () => (await page.$$eval('.logbox .event', (list) => list.map((line) => Number(line.dataset.seq)))).join() === expected.join())
  }
  await show(page, 'events?kind=crash&text=sigsegv')
  const seg = (await steward.api('events?kind=crash')).filter((event) => event.cause.signal === 'SIGSEGV').map((event) => event.seq)
  await until('only those with the text', async () => (await page.$$eval('.logbox .event', (list) => list.map((line) => Number(line.dataset.seq)))).join() === seg.join())
})

test('config: the plan, and where each value came from', async () => {
  await show(page, 'config')
  await page.waitForSelector('.plan')
  const plan = await steward.api('plan')
  const nodes = flat([plan.tree])
  assert.deepEqual(await page.$$eval('.plan', (list) => list.map((part) => part.dataset.path)), nodes.map((node) => node.path))
  await page.click('text=Show defaults')
  const expected = nodes.flatMap((node) => node.values.map((value) => [node.path, value.field, value.value, value.from.replace(/^.*\//, '')]))
  await until('all values', async () => (await page.$$('.values tbody tr')).length === expected.length)
  assert.deepEqual(await page.$$eval('.values tbody tr', (list) => list.map((row) => [row.closest('.plan').dataset.path, ...[...row.children].map((cell) => cell.textContent)])), expected)
})

test('timeline: the lanes are there, and the moment is the server\'s', async () => {
  await show(page, 'timeline')
  await until('lanes', async () => Number(await page.getAttribute('.lanes', 'data-lanes')) > 0)
  const told = await steward.api('timeline')
  assert.equal(Number(await page.getAttribute('.lanes', 'data-lanes')), told.total)
  await page.focus('.lanes')
  const crashes = [...(await steward.api('crashes')).crashes].reverse()
  await page.keyboard.press('Home')
  for (const crash of crashes.slice(0, 3)) {
    await page.keyboard.press('n')
    await page.waitForSelector(`.then[data-at="${crash.seq}"]`)
    const then = flat((await steward.api(`tree?at=${crash.seq}`)).children).find((child) => child.path === crash.path)
    await until('its lane and status', async () => (await page.getAttribute('.lanes', 'aria-valuetext')).includes(`; ${crash.path}: ${words[then.status]}, incarnation ${then.incarnation}, since `))
  }
  await page.keyboard.press('p')
  await page.waitForSelector(`.then[data-at="${crashes[1].seq}"]`)
  const counts = {}
  for (const child of flat((await steward.api(`tree?at=${crashes[1].seq}`)).children)) if (child.kind !== 'supervisor') counts[child.status] = (counts[child.status] ?? 0) + 1
  const said = await textOf(page, '.then p')
  for (const [status, n] of Object.entries(counts)) assert.ok(said.includes(`${n} ${words[status] ?? status}`), `${n} ${status} in ${said}`)
  // The moment counts in the overview, too.
  await page.keyboard.press('Enter')
  await page.waitForSelector('main[data-view=overview]')
  assert.match(await textOf(page, '.banner.is-then'), /^As it was at .* after event \d+/)
  const then = flat((await steward.api(`tree?at=${crashes[1].seq}`)).children)
  await until('the rows of then', async () => (await page.$$eval('.scroll [role=row]', (list) => list.map((row) => `${row.dataset.path} ${row.dataset.status}`))).join() === then.map((child) => `${child.path} ${child.status}`).join())
  assert.equal(await page.$('.verbs button'), null) // nothing can be done to the past
  await page.click('text=Back to now')
  await page.waitForSelector('.banner.is-then', { state: 'detached' })
  await until('the rows of now', async () => (await page.getAttribute('.scroll [data-path="/root/frail"]', 'data-status')) === 'parked')
})

test('nothing went wrong, and nobody else was asked', () => {
  assert.deepEqual(page.faults, [])
  assert.deepEqual(page.foreign, [])
})
