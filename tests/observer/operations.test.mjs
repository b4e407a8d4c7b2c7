// All operations by keyboard alone: found with Tab, told in words, confirmed once, carried out, and the focus is back.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open, run, textOf, until } from './support.mjs'

const scenario = `
scenario: steered
tree:
  children:
    - id: pair
      supervisor:
        strategy: one_for_all
        children:
          - {id: left, actor: counter}
          - {id: right, actor: counter}
    - id: squares
      pool: {task: square_unless, runs_in: threads, workers: 2}
`
let steward, browser, page
before(async () => {
  browser = await launch()
  steward = await run(scenario)
  page = await open(browser, steward)
  await page.waitForSelector('.scroll [role=row]')
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})

const focused = () => page.evaluate(() => {
  const element = document.activeElement
  return { text: element.textContent.trim(), tag: element.tagName, path: element.dataset.path, dialog: Boolean(element.closest('dialog')) }
})
async function tabTo(what, fits) {
  for (let i = 0; i < 150; i += 1) {
    if (fits(await focused())) return
    await page.keyboard.press('Tab')
  }
  assert.fail(`${what} is not reached by Tab`)
}
const child = (path) => steward.api(`children${path}`)

// Goes to the row of a child with the arrow keys and opens its details.
async function choose(path) {
  await tabTo('a row of the tree', ({ path: at }) => at !== undefined)
  await page.keyboard.press('Home')
  for (let i = 0; i < 20 && (await focused()).path !== path; i += 1) {
    const { path: before } = await focused()
    await page.keyboard.press('ArrowDown')
    await until('the next row', async () => ![before, undefined].includes((await focused()).path))
  }
  assert.equal((await focused()).path, path)
  if (await page.$(`.panel[data-child="${path}"]`) === null) await page.keyboard.press('Enter')
  await page.waitForSelector(`.panel[data-child="${path}"]`)
}

// Presses a button and confirms; answers what the dialog said.
async function carryOut(name, act = name, change = async () => {}) {
  await tabTo(name, ({ text, dialog, tag }) => text === name && !dialog && tag === 'BUTTON')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]')
  assert.ok((await focused()).dialog, 'the focus is in the dialog')
  await until('it can be confirmed', () => page.$('dialog button[type=submit]:not([disabled])'))
  const says = await textOf(page, 'dialog')
  await change()
  await tabTo(act, ({ text, dialog }) => text === act && dialog)
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog .outcome')
  assert.equal(await page.$('dialog .outcome.is-bad'), null, await textOf(page, 'dialog'))
  await until('the focus is on what closes', async () => (await focused()).text === 'Close')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]', { state: 'detached' })
  // What was pressed may go away, since the child is something else now; its heading has the focus then.
  await until('the focus is back where it was', async () => {
    const { text, tag } = await focused()
    return (tag === 'BUTTON' && text === name) || (tag === 'H2' && text === (await textOf(page, '.panel h2'))) || (tag === 'MAIN' && name === 'Shut down')
  })
  return says
}
const offered = async (names) => until(`offered: ${names}`, async () => (await page.$$eval('.panel .verbs button', (list) => list.map((button) => button.textContent))).join() === names)

test('nothing is done before it is confirmed, and Escape gives the focus back', async () => {
  await choose('/root/pair/left')
  await offered('Restart,Stop,Kill,Park')
  await tabTo('Kill', ({ text }) => text === 'Kill')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]')
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog[open]', { state: 'detached' })
  assert.equal((await focused()).text, 'Kill')
  assert.equal((await child('/root/pair/left')).incarnation, 1)
  assert.deepEqual(await steward.api('events?kind=operator'), [])
})

test('kill says what its supervisor will do, and that is what happens', async () => {
  const says = await carryOut('Kill')
  assert.match(says, /restarts \/root\/pair\/left and \/root\/pair\/right: one_for_all/)
  await until('both were restarted', async () => (await child('/root/pair/left')).incarnation === 2 && (await child('/root/pair/right')).incarnation === 2)
})

test('restart, park, revive, stop, start', async () => {
  await offered('Restart,Stop,Kill,Park')
  assert.match(await carryOut('Restart'), /Its siblings go on/)
  await until('it was restarted', async () => (await child('/root/pair/left')).incarnation === 3)
  assert.equal((await child('/root/pair/right')).incarnation, 2)
  await offered('Restart,Stop,Kill,Park')
  assert.match(await carryOut('Park'), /until it is revived/)
  await until('parked', async () => (await child('/root/pair/left')).status === 'parked')
  await offered('Revive')
  await carryOut('Revive')
  await until('up', async () => (await child('/root/pair/left')).status === 'up')
  await offered('Restart,Stop,Kill,Park')
  assert.match(await carryOut('Stop'), /stays down until it is started by hand/)
  await until('stopped', async () => (await child('/root/pair/left')).status === 'stopped')
  await offered('Start')
  await carryOut('Start')
  await until('up again', async () => (await child('/root/pair/left')).status === 'up')
  const by = (await steward.api('events?kind=operator')).map((event) => event.by)
  assert.deepEqual(new Set(by), new Set(['web']))
})

test('a pool gets another size', async () => {
  await choose('/root/squares')
  await carryOut('Resize', 'Resize', async () => {
    await tabTo('the number', ({ tag }) => tag === 'INPUT')
    await page.keyboard.press('Control+a')
    await page.keyboard.type('4')
  })
  await until('four workers', async () => (await child('/root/squares')).pool.workers === 4)
})

test('closing the details gives the focus back to the row', async () => {
  await tabTo('Close', ({ text, tag }) => text === 'Close' && tag === 'BUTTON')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.panel', { state: 'detached' })
  assert.equal((await focused()).path, '/root/squares')
})

test('a reload is told before it is done; a refusal is told as well', async () => {
  assert.match(await carryOut('Reload'), /would be reloaded/)
})

test('shutdown, at last', async () => {
  assert.match(await carryOut('Shut down'), /Stops the whole run in order/)
  await page.waitForSelector('.link.is-ended')
  assert.equal((await steward.gone).code, 0)
  assert.equal(await page.$('.verbs .grave'), null)
  assert.deepEqual(page.faults, [])
})
