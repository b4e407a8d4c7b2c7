// Who may look, and who may not: many at once, pages of another origin, and a name that was made to lead here.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { browserOptions, chromium, launch, open, run, textOf, until } from './support.mjs'

const scenario = `
scenario: guarded
tree:
  intensity: {restarts: 9000, within: 1m}
  children:
    - {id: victim, actor: counter, backoff: {min: 1ms, max: 5ms}}
`
let steward, browser
before(async () => {
  browser = await launch()
  steward = await run(scenario)
})
after(async () => {
  await browser?.close()
  await steward?.stop()
})
const interventions = async () => (await steward.api('run')).interventions ?? 0

// A stream of events as a program reads it: the numbers that came.
function stream() {
  const made = { seqs: [], gaps: 0, stopped: new AbortController() }
  made.read = (async () => {
    const answer = await fetch(`${steward.origin}/v1/events?after=0`, {
      headers: { Authorization: `Bearer ${steward.token}`, Accept: 'text/event-stream' }, signal: made.stopped.signal })
    let rest = ''
    for await (const bytes of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + bytes).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        if (line.startsWith('id: ')) made.seqs.push(Number(line.slice(4)))
        if (line === 'event: gap') made.gaps += 1
      }
    }
  })().catch((error) => { if (error.name !== 'AbortError') throw error })
  return made
}

test('two browsers and thirty streams see each crash, without a hole or a duplicate', async (t) => {
  const pages = await Promise.all([open(browser, steward), open(browser, steward)])
  const streams = Array.from({ length: 30 }, stream)
  t.after(async () => {
    for (const one of streams) one.stopped.abort()
    await Promise.all(streams.map((one) => one.read))
    for (const page of pages) await page.context().close()
  })
  for (let i = 0; i < 20; i += 1) {
    const { crash_count: had = 0 } = await steward.api('run')
    await until('it can be killed', async () => (await steward.post('children/root/victim/kill')).ok)
    await until('the crash is told', async () => (await steward.api('run')).crash_count > had)
  }
  const [{ id }] = (await steward.api('crashes?limit=1')).crashes
  const { last_seq: last } = await steward.api('run')
  for (const page of pages) {
    await page.waitForSelector(`.latest a:text-is("${id}")`)
    assert.deepEqual(page.faults, [])
  }
  for (const one of streams) {
    await until('all has come', () => one.seqs.at(-1) >= last)
    assert.deepEqual(one.seqs, one.seqs.map((_, i) => i + 1))
    assert.equal(one.gaps, 0)
  }
})

test('a page of another origin can neither read nor write, though the browser has the cookie', async (t) => {
  const evil = createServer((_, back) => back.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>elsewhere</title>'))
  await new Promise((done) => evil.listen(0, '127.0.0.1', done))
  const ours = await open(browser, steward)
  const page = await ours.context().newPage()
  t.after(async () => { await ours.context().close(); await new Promise((done) => evil.close(done)) })
  await page.goto(`http://127.0.0.1:${evil.address().port}/`)
  const before = await interventions()
  const found = await page.evaluate(async (origin) => {
    const tried = async (name, f) => [name, await f().then((what) => what, (error) => `refused: ${error.name ?? error}`)]
    const loaded = (tag, key, value) => new Promise((done, fail) => {
      const element = Object.assign(document.createElement(tag), { [key]: value })
      element.onload = () => done('loaded')
      element.onerror = () => fail(new TypeError('it does not load'))
      document.body.append(element)
    })
    const streamed = () => new Promise((done, fail) => {
      const source = new EventSource(`${origin}/v1/events?after=0`, { withCredentials: true })
      source.onmessage = (event) => done(event.data)
      source.addEventListener('run', (event) => done(event.data))
      source.onerror = () => { source.close(); fail(new TypeError('no stream')) }
    })
    const all = await Promise.all([
      tried('read', async () => (await fetch(`${origin}/v1/run`, { credentials: 'include' })).text()),
      tried('stream', streamed),
      tried('script', () => loaded('script', 'src', `${origin}/observer.js`)),
      tried('write', async () => (await fetch(`${origin}/v1/children/root/victim/kill`, { method: 'POST', credentials: 'include' })).text()),
    ])
    // What a browser sends without asking first: the answer is opaque, so what counts is that nothing was done.
    await fetch(`${origin}/v1/shutdown`, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => {})
    return Object.fromEntries(all)
  }, steward.origin)
  for (const [name, what] of Object.entries(found)) assert.match(what, /^refused: /, name)
  // A form, which needs no permission at all, and a frame.
  await page.evaluate((origin) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: `${origin}/v1/children/root/victim/restart`, target: 'hidden' })
    const frame = Object.assign(document.createElement('iframe'), { name: 'hidden' })
    document.body.append(frame, form)
    form.submit()
  }, steward.origin)
  const frame = await until('the frame has an answer', () => page.frames().find((one) => one !== page.mainFrame() && one.url() !== 'about:blank'))
  assert.doesNotMatch(await frame.content().catch(() => ''), /"ok":true/)
  assert.equal(await interventions(), before)
  assert.equal((await steward.api('run')).state, 'live')
})

test('a name that was made to lead here is refused, with the token as well', async (t) => {
  const rebound = await chromium.launch({ ...browserOptions, args: [...browserOptions.args, '--host-resolver-rules=MAP evil.example 127.0.0.1'] })
  t.after(() => rebound.close())
  const page = await rebound.newPage()
  const { port } = new URL(steward.origin)
  for (const path of ['/', `/?token=${steward.token}`, '/v1/run']) {
    const answer = await page.goto(`http://evil.example:${port}${path}`)
    assert.equal(answer.status(), 403, path)
    assert.match(await textOf(page, 'body'), /is not this server/)
  }
  assert.deepEqual(await page.context().cookies(), [])
})

test('without the token nothing is told, and a wrong one is as good as none', async (t) => {
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  for (const path of ['/', '/v1/run', '/v1/events', '/metrics', '/observer.js', `/?token=${'0'.repeat(32)}`]) {
    const answer = await page.goto(`${steward.origin}${path}`)
    assert.equal(answer.status(), 401, path)
    assert.doesNotMatch(await page.content(), /guarded|victim/)
  }
})
