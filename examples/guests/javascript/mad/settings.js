// Settings: from the JSON of a config to numbers that make sense together, or a refusal that names the key.

const UNITS = { y: 365 * 86400000, w: 7 * 86400000, d: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1 };

// Durations as Prometheus writes them: whole numbers with units from large to small. The empty text also fits.
const DURATION = `^(0|${Object.keys(UNITS).map((unit) => `([0-9]+${unit})?`).join('')})$`;

// JSON Schema, draft 2020-12. The host holds settings against it before it opens the detector, and shows it to people.
export const SCHEMA = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    window: {
      description: 'How much of the past a sample is compared with; from 5 to 480 steps.',
      type: 'string',
      minLength: 1,
      pattern: DURATION,
      default: '1h',
    },
    threshold: {
      description: 'How many deviations from the median are still normal.',
      type: 'number',
      exclusiveMinimum: 0,
      default: 3.5,
    },
    min_samples: {
      description:
        'How many samples must be in the window before it judges. By default 30, or the whole window where it is shorter.',
      type: 'integer',
      minimum: 2,
    },
  },
  additionalProperties: false,
});

const MIN_SAMPLES = 30;

// A median of fewer says nothing.
const MIN_WINDOW = 5;

// So many values of eight bytes stay below 4 KB of state, which a million series can have.
const MAX_WINDOW = 480;

// What `text` asks for, for series with a sample every `stepMs` milliseconds.
export function parse(text, stepMs) {
  if (stepMs === 0) throw new Error('step: is 0 ms; it must be at least 1 ms');
  const given = readObject(text);
  const { window = '1h', threshold = 3.5, min_samples: asked, ...others } = given;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new Error(`${unknown}: unknown; there are window, threshold and min_samples`);
  }

  const windowMs = durationMs('window', window);
  const samples = Math.round(windowMs / stepMs);
  if (samples < MIN_WINDOW || samples > MAX_WINDOW) {
    throw new Error(
      `window: ${window} holds ${samples} samples at this step; it must hold from ${MIN_WINDOW} to ${MAX_WINDOW}, ` +
        `here ${MIN_WINDOW * stepMs} to ${MAX_WINDOW * stepMs} ms`,
    );
  }

  if (!(Number.isFinite(threshold) && threshold > 0)) {
    throw new Error(`threshold: is ${JSON.stringify(threshold)}; it must be a number above 0, usually 3.5`);
  }

  const minSamples = asked === undefined ? Math.min(MIN_SAMPLES, samples) : asked;
  if (!(Number.isInteger(minSamples) && minSamples >= 2 && minSamples <= samples)) {
    throw new Error(
      `min_samples: is ${JSON.stringify(minSamples)}; it must be a whole number from 2 to ${samples}, the samples in a ` +
        `window of ${window}`,
    );
  }
  return { windowMs, samples, threshold, minSamples };
}

function readObject(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`settings: not JSON: ${error.message}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error(`settings: found ${JSON.stringify(given).slice(0, 100)}; expected a JSON object`);
  }
  return given;
}

function durationMs(key, text) {
  if (typeof text !== 'string' || text === '' || !new RegExp(DURATION).test(text)) {
    throw new Error(
      `${key}: is ${JSON.stringify(text)}; write a duration, whole numbers with units from large to small ` +
        '(y, w, d, h, m, s, ms), for example 5m, 1h30m or 2w',
    );
  }
  const parts = text.matchAll(/([0-9]+)([a-z]+)/g);
  return Array.from(parts, ([, number, unit]) => Number(number) * UNITS[unit]).reduce((sum, part) => sum + part, 0);
}
