// What the one line says of a run that is older than an hour: the server tells of the last hour apart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grown } from '../../observer/src/tree.js'
import { verdict } from '../../observer/src/verdict.js'

const top = grown([{ path: '/root', kind: 'supervisor', status: 'up', children: [{ path: '/root/a', kind: 'actor', status: 'up' }, { path: '/root/b', kind: 'actor', status: 'up' }] }])
const says = (told) => verdict(told, top, 'live').text

test('the whole run, while that is no older', () => {
  assert.equal(says({ crash_count: 3, summary: { recoveries: 3 } }), 'All 2 children up; 3 crashes, all recovered, no task or message lost')
  assert.equal(says({ crash_count: 0 }), 'All 2 children up; no crash, no task or message lost')
})

test('the last hour, and how many there were before', () => {
  const told = (last_hour) => says({ crash_count: 41, summary: { recoveries: 41 }, last_hour })
  assert.equal(told({ crashes: 3, recovered: 2 }), 'All 2 children up; 3 crashes in the last hour (41 in all), 2 recovered, no task or message lost')
  assert.equal(told({ crashes: 0, recovered: 0 }), 'All 2 children up; no crash in the last hour (41 in all), no task or message lost')
  assert.equal(told({ crashes: 41, recovered: 41 }), 'All 2 children up; 41 crashes in the last hour, all recovered, no task or message lost')
  assert.match(says({ crash_count: 9000, last_hour: { crashes: 512, recovered: 512, at_least: true } }), /; at least 512 crashes in the last hour, all recovered,/)
})

test('what was cancelled is told apart from what is lost', () => {
  const told = (summary) => says({ crash_count: 0, summary })
  assert.match(told({ valueless: 10 }), /; no crash, 10 tasks cancelled, no message lost$/)
  assert.match(told({ valueless: 10, failed: 2, quarantined: 1 }), /, 7 tasks cancelled, 3 tasks lost$/)
  assert.match(told({ valueless: 3, failed: 3, lost_messages: 1 }), /, 1 message and 3 tasks lost$/)
  assert.equal(verdict({ crash_count: 0, summary: { valueless: 10 } }, top, 'live').level, 'good')
  assert.equal(verdict({ crash_count: 0, summary: { failed: 1 } }, top, 'live').level, 'note')
})

test('a supervisor that is about to end, and a child that ended by a crash, are told', () => {
  const told = (children) => verdict({ crash_count: 1 }, grown([{ path: '/root', kind: 'supervisor', status: 'up', ...children }]), 'then')
  const fell = { path: '/root/a', kind: 'actor', status: 'ended', restart: 'permanent', last_crash: 'c-0001', crashes: 1 }
  const up = { path: '/root/b', kind: 'actor', status: 'up' }
  assert.deepEqual(told({ children: [fell, up] }), { level: 'note', text: '1 of 2 children were up: /root/a ended by a crash; 1 crash, 0 recovered, no task or message lost' })
  assert.deepEqual(told({ failing: true, children: [fell, up] }), { level: 'bad', text: '1 of 2 children were up: /root has reached its limit and is about to end; 1 crash, 0 recovered, no task or message lost' })
})
