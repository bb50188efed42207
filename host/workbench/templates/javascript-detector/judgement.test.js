// `npm test` runs these without a component; `tidegate guest test .` runs the cases with it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { judge, learn, parse, read, write } from './judgement.js';

const MINUTE = 60000;
const settings = parse('{"window": "10m"}', MINUTE);
const recent = Array.from({ length: 10 }, (_, at) => 10 + at);

test('the range and half of it on both sides are normal', () => {
  for (const [value, score] of [[14.5, 0], [19, 0.5], [23.5, 1], [32.5, 2], [-3.5, 2]]) {
    assert.equal(judge(recent, value, settings).score, score, `${value}`);
  }
  assert.equal(judge(recent.slice(1), 14, settings), undefined, 'too little was seen');
});

test('the oldest sample leaves', () => {
  assert.deepEqual(learn(recent, 20, settings), [...recent.slice(1), 20]);
});

test('state comes back from its bytes or not at all', () => {
  const state = write(recent);
  assert.deepEqual(read(state, settings), recent);
  const flipped = state.slice();
  flipped[40] ^= 1;
  for (const damaged of [state.slice(0, -1), state.slice(0, -8), new Uint8Array(state.length), flipped]) {
    assert.throws(() => read(damaged, settings), /^Error: state: /);
  }
});

test('settings are refused by the name of the key', () => {
  for (const [text, key] of [
    ['[]', 'settings'],
    ['{"windw": "1h"}', 'windw'],
    ['{"window": "9m"}', 'window'],
    ['{"window": 10}', 'window'],
    ['{"margin": -1}', 'margin'],
    ['{"margin": null}', 'margin'],
  ]) {
    assert.throws(() => parse(text, MINUTE), new RegExp(`^Error: ${key}: `), text);
  }
});
