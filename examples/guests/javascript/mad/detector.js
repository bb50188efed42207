// The contract's side of the detector: columns in, columns out. The algorithm is in mad.js, and knows nothing of this.
//
// A model holds settings and nothing else: the host hands in the state of a series and keeps what comes back. Instances
// are shared between series and thrown away at will, so whatever a model remembered would be wrong.

import { judge, NAME, note, SUMMARY, VERSION } from './mad.js';
import { SCHEMA, parse } from './settings.js';
import { read, write } from './state.js';
import { Window } from './window.js';

class Model {
  #settings;

  constructor(settings) {
    this.#settings = settings;
  }

  // Throwing an object with a `payload` is how a component of JavaScript returns an error of its contract; anything
  // else that is thrown ends the instance.
  static open(settings, stepMs) {
    return new Model(or('invalid-settings', () => parse(settings, Number(stepMs))));
  }

  needs() {
    const { windowMs, minSamples } = this.#settings;
    return { historyMs: BigInt(windowMs), minSamples: BigInt(minSamples) };
  }

  score(state, fresh) {
    const { timestamps, values } = fresh;
    const count = values.length;
    if (timestamps.length !== count) {
      or('internal', () => {
        throw new Error(`samples: ${timestamps.length} timestamps but ${count} values`);
      });
    }
    const { samples } = this.#settings;
    const window = new Window(
      or('unreadable-state', () => read(state)),
      samples,
    );

    const verdicts = {
      scores: new Float64Array(count).fill(NaN),
      expected: new Float64Array(count).fill(NaN),
      lower: new Float64Array(count).fill(NaN),
      upper: new Float64Array(count).fill(NaN),
    };
    let last;
    for (let at = 0; at < count; at++) {
      // What is not a number is neither judged nor learnt.
      last = Number.isFinite(values[at]) ? judge(window, values[at], this.#settings) : undefined;
      if (last === undefined) continue;
      verdicts.scores[at] = last.score;
      verdicts.expected[at] = last.expected;
      verdicts.lower[at] = last.lower;
      verdicts.upper[at] = last.upper;
    }
    const remark = last?.score > 1 ? note(values[count - 1], last) : undefined;
    return { state: write(window.inOrder()), verdicts, note: remark };
  }
}

function or(tag, attempt) {
  try {
    return attempt();
  } catch (error) {
    throw { payload: { tag, val: error.message } };
  }
}

// The name of this export is that of the interface, and the class in it that of the resource.
export const detector = {
  describe() {
    return { name: NAME, version: VERSION, summary: SUMMARY, settingsSchema: SCHEMA };
  },
  Model,
};
