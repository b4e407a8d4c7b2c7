// Runs all tests of the page with one browser: `STEWARD=/path/of/steward node run.mjs`. Two files at a time, since much
// of it is waiting; what measures times runs alone. A single file is run by `node --test FILE`.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserServer } from './support.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const alone = ['live.test.mjs']
const others = readdirSync(here).filter((file) => file.endsWith('.test.mjs') && !alone.includes(file)).sort()
const server = await browserServer()
const env = { ...process.env, OBSERVER_BROWSER: server.wsEndpoint() }
const tested = (files, atOnce) =>
  new Promise((done) => {
    const args = ['--test', `--test-concurrency=${atOnce}`, '--test-reporter=spec', ...files.map((file) => join(here, file))]
    spawn(process.execPath, args, { env, stdio: 'inherit' }).on('exit', (code) => done(code ?? 1))
  })
const codes = [await tested(alone, 1), await tested(others, 2)]
await server.close()
process.exitCode = codes.some((code) => code !== 0) ? 1 : 0
