// `npm test` runs these without a component; `tidegate guest test .` runs the cases with it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { choose, parse } from './choice.js';

const OFFERED = ['restart', 'failover'];

const settings = (given) =>
  parse(JSON.stringify({ action: 'restart', labels: { service: 'checkout' }, ...given }), OFFERED);

const incident = (given) => ({
  labels: [{ name: 'service', value: 'checkout' }],
  severity: 'high',
  attempts: [],
  ...given,
});

const attempt = (outcome, reason = '') => ({ action: 'restart', outcome, reason, thisIncident: true });

test('a severe incident is answered', () => {
  const { action, arguments: given } = choose(settings(), incident());
  assert.deepEqual([action, JSON.parse(given)], ['restart', {}]);
});

test('others are left alone with the reason', () => {
  for (const [given, reason] of [
    [{ labels: [] }, 'the incident has no label service'],
    [{ labels: [{ name: 'service', value: 'search' }] }, 'service is search, not checkout'],
    [{ severity: 'medium' }, 'severity is medium, below high'],
  ]) {
    assert.deepEqual(choose(settings(), incident(given)), { leave: reason });
  }
});

test('what did not help is not repeated for ever', () => {
  const after = (...attempts) => choose(settings(), incident({ attempts }));
  assert.match(after(attempt('ineffective')).rationale, /Attempt 2 of 2/);
  assert.match(after(attempt('ineffective'), attempt('failed')).leave, /tried 2 times/);
  assert.match(after(attempt('denied', 'not now')).leave, /not now/);
});

test('settings are refused by the name of the key', () => {
  for (const [given, key] of [
    [{ action: 'reboot' }, 'action'],
    [{ labels: {} }, 'labels'],
    [{ labels: { service: 1 } }, 'labels'],
    [{ min_severity: 'worst' }, 'min_severity'],
    [{ most_attempts: 0 }, 'most_attempts'],
    [{ most: 1 }, 'most'],
  ]) {
    assert.throws(() => settings(given), new RegExp(`^Error: ${key}: `));
  }
});
