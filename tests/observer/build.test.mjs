// What is in dist/ is what the sources make, and it is small enough. No file names this machine or a registry.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { observer } from './support.mjs'

test('dist is what the sources make, and is under 120 KiB', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(observer, 'build.mjs'), '--check'], { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})

test('the lock file names no address, and each version is exact', () => {
  const text = readFileSync(join(observer, 'package-lock.json'), 'utf8')
  assert.ok(!/"resolved"|https?:\/\/(?!opencollective|github|.*\/sponsors)/.test(text.replaceAll(/"(url|funding)": "[^"]*"/g, '')), 'an address')
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(observer, 'package.json'), 'utf8'))
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) assert.match(version, /^\d+\.\d+\.\d+$/, name)
})

test('sources are short, and licences are told', () => {
  for (const file of readdirSync(join(observer, 'src'))) assert.ok(readFileSync(join(observer, 'src', file), 'utf8').split('\n').length <= 350, file)
  const licences = readFileSync(join(observer, 'dist/licences.txt'), 'utf8')
  for (const name of ['preact', 'htm', '@preact/signals', 'uplot', 'd3-hierarchy']) assert.match(licences, new RegExp(`^${name} \\d`, 'm'))
  assert.ok(existsSync(join(observer, 'dist/observer.css')))
})
