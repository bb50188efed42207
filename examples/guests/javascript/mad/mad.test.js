// Tests of the algorithm alone, without a component and without a host: `node --test`.
//
// The cases in cases/ say what a host sees; `tidegate guest test` holds the component against them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { band, deviation, judge, median, note } from './mad.js';
import { parse } from './settings.js';
import { read, write } from './state.js';
import { Window } from './window.js';

const MINUTE = 60000;

const ascending = (a, b) => a - b;

// Numbers that look random and are the same every time.
function noise(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('median and deviation are what the definition says', () => {
  const random = noise(1);
  for (let length = 1; length < 60; length++) {
    const values = Float64Array.from({ length }, () => Math.round(random() * 20) / 2).sort();
    const middle = median(values);
    const distances = Array.from(values, (value) => Math.abs(value - middle)).sort(ascending);
    const mad = median(distances);
    const mean = distances.reduce((sum, distance) => sum + distance, 0) / length;
    const expected = mad > 0 ? 1.4826 * mad : Math.sqrt(Math.PI / 2) * mean;
    assert.equal(deviation(values, middle), expected, `${values}`);
  }
});

test('a window holds the newest samples, sorted as well', () => {
  const random = noise(2);
  const window = new Window(new Float64Array(0), 7);
  const all = [];
  for (let at = 0; at < 200; at++) {
    const value = Math.round(random() * 6) - 3;
    // Asked for only now and then, as it is while there is nothing to judge yet.
    if (at % 3 !== 0) window.sorted();
    window.push(value);
    all.push(value + 0);
    const newest = all.slice(-7);
    assert.deepEqual(Array.from(window.inOrder()), newest);
    assert.deepEqual(Array.from(window.sorted()), newest.slice().sort(ascending));
  }
});

test('a window takes over values, of too many the newest, and bounds what it learns', () => {
  const window = new Window(Float64Array.of(1, 2, 3, 4), 3);
  assert.deepEqual(Array.from(window.inOrder()), [2, 3, 4]);
  window.push(-Number.MAX_VALUE);
  assert.deepEqual(Array.from(window.inOrder()), [3, 4, -1e150]);
  assert.deepEqual(Array.from(window.sorted()), [-1e150, 3, 4]);
});

test('a sample is judged by what came before it, and learnt', () => {
  const window = new Window(new Float64Array(0), 5);
  const settings = { threshold: 2, minSamples: 5 };
  for (const value of [100, 1, 2, 3, 4]) assert.equal(judge(window, value, settings), undefined);
  const verdict = judge(window, 6, settings);
  assert.equal(verdict.expected, 3);
  assert.equal(verdict.score, 3 / (2 * 1.4826));
  assert.deepEqual(Array.from(window.inOrder()), [1, 2, 3, 4, 6]);
});

test('a band scores by its edge', () => {
  for (const [value, expected, half, score] of [
    [10, 10, 2, 0],
    [12, 10, 2, 1],
    [6, 10, 2, 2],
    [10, 10, 0, 0],
    [1e-300, 0, 0, 1e6],
    [1e308, 0, Infinity, 0],
  ]) {
    const verdict = band(value, expected, half);
    assert.equal(verdict.score, score, `${value} of ${expected} +/- ${half}`);
    assert.ok(verdict.lower <= expected && expected <= verdict.upper);
  }
  assert.ok(band(0.1 + 0.2, 0.3, 0).score <= 1);
});

test('a note has as many digits as the band is worth', () => {
  for (const [value, expected, half, text] of [
    [0.93, 0.412, 0.061, '0.930; expected 0.412 +/- 0.061'],
    [120, 20.04, 3.1, '120.0; expected 20.0 +/- 3.1'],
    [1e12 + 50, 1e12, 12, '1000000000050; expected 1000000000000 +/- 12'],
    [1e-20, 0, 0, '1.00e-20; expected 0.00 +/- 0.00'],
    [-1e150, 3, 1, '-1.00e+150; expected 3.00 +/- 1.00'],
  ]) {
    const said = note(value, band(value, expected, half));
    assert.ok(said.startsWith(`${text} from`), said);
  }
});

test('a state comes back from its bytes', () => {
  for (const values of [[], [1.5], [-1e150, 0, 5e-324, 1e150]]) {
    assert.deepEqual(Array.from(read(write(Float64Array.from(values)))), values);
  }
});

test('bytes that it did not write are refused', () => {
  const state = write(Float64Array.of(1, 2, 3.5));
  const refused = (bytes, what) => assert.throws(() => read(bytes), /^Error: state: /, what);
  for (let length = 1; length < state.length; length++) refused(state.slice(0, length), `cut to ${length}`);
  for (let bit = 0; bit < 8 * state.length; bit++) {
    const flipped = state.slice();
    flipped[bit >> 3] ^= 1 << (bit & 7);
    refused(flipped, `bit ${bit} flipped`);
  }
  refused(Uint8Array.of(...state, 0), 'a byte too many');
  refused(new Uint8Array(64), 'zeros');
  refused(new Uint8Array(5000).fill(255), 'ones');
});

test('settings have defaults that depend on the step', () => {
  assert.deepEqual(parse('{}', MINUTE), { windowMs: 60 * MINUTE, samples: 60, threshold: 3.5, minSamples: 30 });
  assert.equal(parse('{"window": "1h30m"}', 10 * MINUTE).minSamples, 9);
});

test('settings are refused by the name of the key', () => {
  for (const [text, part] of [
    ['', 'settings: not JSON'],
    ['[]', 'settings: found []; expected a JSON object'],
    ['null', 'settings: found null'],
    ['{"windw": "1h"}', 'windw: unknown; there are window'],
    ['{"__proto__": 1}', '__proto__: unknown'],
    ['{"window": 60}', 'window: is 60; write a duration'],
    ['{"window": ""}', 'window: '],
    ['{"window": "30m1h"}', 'window: '],
    [`{"window": "${'9'.repeat(5000)}ms"}`, 'window: '],
    ['{"window": "4m"}', 'window: 4m holds 4 samples'],
    ['{"window": "481m"}', 'from 5 to 480'],
    ['{"threshold": true}', 'threshold: is true'],
    ['{"threshold": null}', 'threshold: is null'],
    ['{"threshold": 1e999}', 'threshold: '],
    ['{"threshold": 0}', 'threshold: is 0; it must be a number above 0'],
    ['{"min_samples": "30"}', 'min_samples: '],
    ['{"min_samples": 2.5}', 'min_samples: '],
    ['{"min_samples": 1}', 'min_samples: is 1; it must be a whole number from 2'],
    ['{"window": "10m", "min_samples": 11}', 'from 2 to 10'],
  ]) {
    assert.throws(
      () => parse(text, MINUTE),
      (error) => error.message.includes(part),
      `${text}: not refused with ${part}`,
    );
  }
  assert.throws(() => parse('{}', 0), /step: is 0 ms/);
});
