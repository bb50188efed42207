// The contract's side of the detector: columns in, columns out. What it does is in judgement.js.

import { judge, LEAST, learn, note, parse, read, SCHEMA, SUMMARY, write } from './judgement.js';

// Settings, and nothing learnt: one model serves many series, and is thrown away at will.
class Model {
  #settings;

  constructor(settings) {
    this.#settings = settings;
  }

  static open(settings, stepMs) {
    return new Model(orFail('invalid-settings', () => parse(settings, Number(stepMs))));
  }

  needs() {
    return { historyMs: BigInt(this.#settings.windowMs), minSamples: BigInt(LEAST) };
  }

  score(state, { timestamps, values }) {
    const settings = this.#settings;
    if (timestamps.length !== values.length) {
      fail('internal', `samples: ${timestamps.length} timestamps, ${values.length} values`);
    }
    let recent = orFail('unreadable-state', () => read(state, settings));

    // NaN in all four is no judgement.
    const column = () => new Float64Array(values.length).fill(NaN);
    const verdicts = { scores: column(), expected: column(), lower: column(), upper: column() };
    let last;
    values.forEach((value, at) => {
      last = undefined;
      // NaN and infinities are neither judged nor learnt.
      if (!Number.isFinite(value)) return;
      last = judge(recent, value, settings);
      recent = learn(recent, value, settings);
      if (last === undefined) return;
      verdicts.scores[at] = last.score;
      verdicts.expected[at] = last.expected;
      verdicts.lower[at] = last.lower;
      verdicts.upper[at] = last.upper;
    });
    const remark = last?.score > 1 ? note(values.at(-1), last, settings) : undefined;
    return { state: write(recent), verdicts, note: remark };
  }
}

// How a component of JavaScript returns an error of its contract; anything else that is thrown ends the instance.
function fail(tag, message) {
  throw { payload: { tag, val: message } };
}

function orFail(tag, attempt) {
  try {
    return attempt();
  } catch (error) {
    return fail(tag, error.message);
  }
}

// The name of this export is that of the interface, and the class in it that of the resource.
export const detector = {
  describe() {
    return { name: 'my-guest', version: '0.1.0', summary: SUMMARY, settingsSchema: SCHEMA };
  },
  Model,
};
