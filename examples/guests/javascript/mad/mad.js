// The median absolute deviation: how far samples usually are from the median of those before them.
//
// Up to half of the window may be wild without moving either figure far, so spikes do not hide the next spike, as they
// do where a mean and a standard deviation judge. P. J. Rousseeuw and C. Croux, "Alternatives to the Median Absolute
// Deviation" (1993); the threshold and what to do without a deviation: B. Iglewicz and D. C. Hoaglin, "How to Detect and
// Handle Outliers" (1993).
//
// Pure functions of a window and a sample: no clock, no randomness, nothing kept between calls.

export const NAME = 'mad';
export const VERSION = '0.1.0';
export const SUMMARY =
  'Distance from the median of a sliding window, in median absolute deviations; for series with outliers.';

// Makes of a median absolute deviation what a standard deviation is where samples are normally distributed.
const SCALE = 1.4826;

// The same for a mean absolute deviation.
const MEAN_SCALE = Math.sqrt(Math.PI / 2);

// A band without width would make a score infinite, and infinity does not survive every format a score is written in.
const MAX_SCORE = 1e6;

// A band is never narrower than the rounding of numbers of its size: eight units in the last place of a 64-bit number.
const ROUNDING = 8 * Number.EPSILON;

// Judges a sample against what came before it, then learns from it. Undefined is no judgement: too little is known.
export function judge(window, value, { threshold, minSamples }) {
  let verdict;
  if (window.length >= minSamples) {
    const sorted = window.sorted();
    const middle = median(sorted);
    verdict = band(value, middle, threshold * deviation(sorted, middle));
  }
  window.push(value);
  return verdict;
}

// The median of a sorted list that is not empty.
export function median(sorted) {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// How far the values of a sorted list usually are from its median, in the terms of a standard deviation.
export function deviation(sorted, middle) {
  const mad = medianDistance(sorted, middle);
  // It is zero where more than half of the values are equal, as of a counter of errors that is nearly always zero.
  return mad > 0 ? SCALE * mad : MEAN_SCALE * meanDistance(sorted, middle);
}

// The median of the distances. A walk from the middle of the list outwards meets them in the order of their size, so
// nothing need be sorted again.
function medianDistance(sorted, middle) {
  const { length } = sorted;
  let right = length >> 1;
  let left = right - 1;
  let before = 0;
  let distance = 0;
  for (let met = 0; met <= length >> 1; met++) {
    before = distance;
    const below = left >= 0 ? middle - sorted[left] : Infinity;
    const above = right < length ? sorted[right] - middle : Infinity;
    if (below < above) {
      distance = below;
      left--;
    } else {
      distance = above;
      right++;
    }
  }
  return length % 2 === 1 ? distance : (before + distance) / 2;
}

function meanDistance(sorted, middle) {
  return sorted.reduce((sum, value) => sum + Math.abs(value - middle), 0) / sorted.length;
}

// Judges by a band around what was expected: in its middle the score is 0, at its edge 1.
export function band(value, expected, halfWidth) {
  const half = Math.max(halfWidth, ROUNDING * Math.abs(expected));
  const distance = Math.abs(value - expected);
  const score = distance === 0 ? 0 : Math.min(distance / half, MAX_SCORE);
  return { score, expected, lower: expected - half, upper: expected + half };
}

// The verdict in words, with as many decimals as make two significant digits of the band's half-width.
export function note(value, { expected, lower, upper }) {
  const half = (upper - lower) / 2;
  const distance = Math.abs(value - expected);
  // Where the band is nothing beside the distance, as of a constant series, the distance says how exact to be.
  const scale = half > distance * 1e-3 ? half : distance;
  const decimals = scale > 0 && scale < Infinity ? 1 - Math.floor(Math.log10(scale)) : 0;
  const plain = decimals <= 9 && Math.max(Math.abs(value), Math.abs(expected)) < 1e15;
  const text = (number) => (plain ? number.toFixed(Math.max(decimals, 0)) : number.toPrecision(3));
  return `${text(value)}; expected ${text(expected)} +/- ${text(half)} from the median of the window before`;
}
