// Judges a sample by the range of the samples before it.
//
// The smallest and the largest value of the recent past, with a margin on both sides, are what is normal. Replace the
// settings, the state and the judgement by your own. judgement.test.js runs it without a component.

export const SUMMARY = 'Distance from the range of the recent past.';

// Durations as Prometheus writes them: whole numbers with units from large to small.
const UNITS = { w: 604800000, d: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1 };
const DURATION = `^${Object.keys(UNITS).map((unit) => `([0-9]{1,9}${unit})?`).join('')}$`;

// What a user can set, as JSON Schema: the host holds settings against it, and `tidegate guest inspect` shows it.
export const SCHEMA = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    window: {
      description: 'How much of the past the range is taken from; 10 to 500 steps.',
      type: 'string',
      minLength: 1,
      pattern: DURATION,
      default: '2h',
    },
    margin: {
      description: 'How far outside of the range is still normal, as a share of its width.',
      type: 'number',
      default: 0.5,
    },
  },
  additionalProperties: false,
});

// Fewer samples than this say little about the range.
export const LEAST = 10;

// Eight bytes each: the state of one series stays below 4 KiB.
const MOST = 500;

// Values are taken for no larger than this, so that no width is infinite.
const LARGEST = 1e150;

// Reads settings for series with a sample every `stepMs` milliseconds. An error says what is wrong with which key.
export function parse(text, stepMs) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`settings: not JSON: ${error.message}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error('settings: expected a JSON object');
  }
  const { window = '2h', margin = 0.5, ...others } = given;
  for (const key of Object.keys(others)) throw new Error(`${key}: unknown; there are window and margin`);
  if (stepMs === 0) throw new Error('step: is 0 ms; it must be at least 1 ms');

  if (typeof window !== 'string' || window === '' || !new RegExp(DURATION).test(window)) {
    throw new Error(`window: is ${JSON.stringify(window)}; write a duration such as 30m or 1h30m`);
  }
  const parts = Array.from(window.matchAll(/([0-9]+)([a-z]+)/g), ([, number, unit]) => number * UNITS[unit]);
  const windowMs = parts.reduce((sum, part) => sum + part, 0);
  const samples = Math.round(windowMs / stepMs);
  if (samples < LEAST || samples > MOST) {
    throw new Error(`window: ${window} holds ${samples} samples at this step; make it ${LEAST} to ${MOST}`);
  }

  if (typeof margin !== 'number' || !(margin >= 0 && margin <= LARGEST)) {
    throw new Error(`margin: is ${JSON.stringify(margin)}; it must be 0 or more, usually 0.5`);
  }
  return { window, windowMs, samples, margin };
}

// "RNG" and a version: raise it when the same bytes get another meaning; then the host learns its series again from
// history. A checksum of the rest follows.
const MAGIC = 0x01474e52;
const HEADER = 8;

// The newest samples of a series, oldest first. No bytes at all are a series never seen.
export function read(state, settings) {
  if (state.length === 0) return [];
  if (state.length <= HEADER || state.length % 8 !== 0) {
    throw new Error(`state: ${state.length} bytes, which this detector never writes`);
  }
  // A copy, because numbers of eight bytes must begin at a multiple of eight.
  const { buffer } = state.slice();
  const [magic, sum] = new Uint32Array(buffer, 0, 2);
  if (magic !== MAGIC || sum !== checksum(buffer)) {
    throw new Error('state: damaged, or of another guest or version');
  }
  const recent = Array.from(new Float64Array(buffer, HEADER));
  if (recent.length > settings.samples) {
    throw new Error(`state: holds ${recent.length} samples, the window ${settings.samples}`);
  }
  return recent;
}

export function write(recent) {
  if (recent.length === 0) return new Uint8Array(0);
  const buffer = new ArrayBuffer(HEADER + 8 * recent.length);
  new Float64Array(buffer, HEADER).set(recent);
  new Uint32Array(buffer).set([MAGIC, checksum(buffer)]);
  return new Uint8Array(buffer);
}

// Each step can be undone, so no change of a single word goes unnoticed.
function checksum(buffer) {
  let sum = MAGIC;
  for (const word of new Uint32Array(buffer, HEADER)) sum = ((sum ^ word) * 31 + 1) | 0;
  return sum >>> 0;
}

export function learn(recent, value, settings) {
  return [...recent.slice(1 - settings.samples), Math.min(Math.max(value, -LARGEST), LARGEST)];
}

// At the edges of the band the score is 1, in its middle 0, and above 1 means anomalous. Undefined is no judgement: too
// little was seen.
export function judge(recent, value, settings) {
  if (recent.length < LEAST) return undefined;
  const lowest = Math.min(...recent);
  const highest = Math.max(...recent);
  const expected = lowest + (highest - lowest) / 2;
  // A band without width would make any change endlessly anomalous, rounding included.
  const half = Math.max((highest - lowest) * (0.5 + settings.margin), Math.abs(expected) * 2 ** -49);
  const distance = Math.abs(value - expected);
  const score = distance === 0 ? 0 : Math.min(distance / half, 1e6);
  return { score, expected, lower: expected - half, upper: expected + half };
}

// One sentence for people about an anomalous sample.
export function note(value, { expected, upper }, settings) {
  const [is, was, half] = [value, expected, upper - expected].map((number) => Number(number.toPrecision(6)));
  return `${is}; expected ${was} +/- ${half}, by the range of the last ${settings.window}`;
}
