// What the tests of the page share: a real run of the program, a browser, and waiting for what is to become true.
// STEWARD is the absolute path of the program; CHROMIUM that of the browser, where it is not the usual one;
// OBSERVER_DIST a folder with observer.js and observer.css that are to be tried in place of those in the program.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const observer = join(dirname(fileURLToPath(import.meta.url)), '../../observer')
const need = createRequire(join(observer, 'package.json'))
export const { chromium } = need('playwright-core')
export const axeSource = need('axe-core').source

const program = process.env.STEWARD
const slow = 60_000 // milliseconds that anything may take on a busy machine

export const folder = mkdtempSync(join(tmpdir(), 'observer-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

// Waits until `look` answers something true, and answers that. What it throws counts as not yet.
export async function until(what, look, within = slow) {
  const end = Date.now() + within
  let last
  for (;;) {
    try {
      last = await look()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${within} ms; last: ${last?.message ?? JSON.stringify(last)}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

function watched(args) {
  if (!program) throw new Error('STEWARD is to be the path of the program')
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.resume()
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text })
  const gone = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })))
  return { child, gone, said: () => said }
}

class Run {
  constructor({ child, gone, said }, url) {
    Object.assign(this, { child, gone, said, url })
    this.origin = new URL(url).origin
    this.token = new URL(url).searchParams.get('token')
  }
  // What the API says, asked without the page.
  async api(path, options = {}) {
    const answer = await fetch(`${this.origin}/v1/${path}`, { ...options, headers: { Authorization: `Bearer ${this.token}` } })
    const text = await answer.text()
    return path.startsWith('events') ? text.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : JSON.parse(text)
  }
  post(path, body) {
    return this.api(path, { method: 'POST', body: body && JSON.stringify(body) })
  }
  kill() {
    this.child.kill('SIGKILL')
    return this.gone
  }
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGTERM')
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5000)
    await this.gone
    clearTimeout(late)
  }
}

// Of a run that keeps its token in a file it is told without that.
function urlOf(said) {
  const [, url, file] = /(http:\/\/127\.0\.0\.1:\d+\/(?:\?token=\w+)?)(?: with the token in (.*))?\n/.exec(said) ?? []
  return file ? `${url}?token=${readFileSync(file, 'utf8').trim()}` : url
}

async function started(args, within = slow) {
  const made = watched(args)
  const found = await Promise.race([
    until('the URL is printed', () => urlOf(made.said()), within),
    made.gone.then(({ code }) => { throw new Error(`it ended with ${code}: ${made.said()}`) }),
  ])
  return new Run(made, found)
}

// A scenario of a supervisor with many counters, `one` of which is as `how` says, in YAML.
export const crowd = (name, many, how) => `
scenario: ${name}
tree:
  intensity: {restarts: 9000, within: 1m}
  children:
    - id: crowd
      supervisor:
        strategy: simple_one_for_one
        intensity: {restarts: 9000, within: 1m}
        max_children: ${many}
        children:
          - {id: one, actor: counter, ${how}}
run:
  - start_child: {supervisor: crowd, count: ${many}}
`

// Starts a scenario, given as text, and answers the run once it can be observed.
export function run(scenario, { port = 0, more = [] } = {}) {
  const file = join(folder, `${/^scenario: ([\w-]+)/m.exec(scenario)[1]}.yaml`)
  writeFileSync(file, scenario)
  return started(['run', file, '--observe', String(port), ...more])
}
// Runs a scenario until its end, and answers its exit code.
export async function ranOut(scenario, more) {
  const file = join(folder, `${/^scenario: ([\w-]+)/m.exec(scenario)[1]}.yaml`)
  writeFileSync(file, scenario)
  return (await watched(['run', file, ...more]).gone).code
}
// The record of a run that is over: an events file or a run directory.
export const record = (path, within) => started(['observe', path, '--listen', '0'], within)

export const browserOptions = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
}
// One browser for several files of tests (run.mjs), or one of this file's own.
export const browserServer = () => chromium.launchServer(browserOptions)
export const launch = () =>
  process.env.OBSERVER_BROWSER ? chromium.connect(process.env.OBSERVER_BROWSER) : chromium.launch(browserOptions)

// A page of a run, with notes of all that must not happen: faults, and requests to others.
export async function open(browser, run, { view = 'overview', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(slow)
  page.faults = []
  page.foreign = []
  page.on('pageerror', (error) => page.faults.push(String(error.stack ?? error)))
  page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.faults.push(message.text()) })
  page.on('request', (request) => { if (!request.url().startsWith(`${run.origin}/`)) page.foreign.push(request.url()) })
  // While the page is being worked on: what was built last, in place of what is in the program.
  if (process.env.OBSERVER_DIST) {
    await page.route(/\/observer\.(js|css)$/, (route) => route.fulfill({ path: join(process.env.OBSERVER_DIST, new URL(route.request().url()).pathname) }))
  }
  await page.goto(run.url)
  if (view !== 'overview') await show(page, view)
  await ready(page)
  return page
}
export async function show(page, view) {
  await page.evaluate((hash) => { location.hash = `#/${hash}` }, view)
  await page.waitForSelector(`main[data-view="${view.split(/[/?]/)[0]}"]`)
}
export const ready = (page) => page.waitForFunction(() => document.querySelector('main h1, main .bar h1') && !document.querySelector('main .empty[role=status]'))

// The text of an element, with white space made single.
export const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent.replace(/\s+/g, ' ').trim())
export const textsOf = (page, selector) => page.$$eval(selector, (list) => list.map((element) => element.textContent.replace(/\s+/g, ' ').trim()))

// Stands between a browser and a server, as its proxy, and can cut what is connected or refuse what comes.
export async function between() {
  const sockets = new Set()
  const made = { refusing: false, asked: [] }
  const server = createServer((from, back) => {
    made.asked.push({ url: from.url, last: from.headers['last-event-id'] })
    const on = request(from.url, { method: from.method, headers: from.headers, agent: false }, (answer) => {
      back.writeHead(answer.statusCode, answer.headers)
      answer.on('data', (data) => back.write(data))
      answer.on('end', () => back.end())
      answer.on('error', () => back.destroy())
    })
    on.on('error', () => back.destroy())
    back.on('close', () => on.destroy())
    from.pipe(on)
  })
  server.on('connection', (socket) => {
    if (made.refusing) return void socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  made.proxy = { server: `http://127.0.0.1:${server.address().port}`, bypass: '<-loopback>' }
  made.cut = () => { for (const socket of sockets) socket.destroy() }
  made.close = () => { made.cut(); return new Promise((done) => server.close(done)) }
  return made
}
