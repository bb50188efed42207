// The contract's side of the policy: an incident in, a decision out. What it decides is in choice.js.

import { choose, parse, SCHEMA, SUMMARY } from './choice.js';

class Policy {
  #settings;

  constructor(settings) {
    this.#settings = settings;
  }

  static open(settings, actions) {
    try {
      return new Policy(parse(settings, actions.map((action) => action.name)));
    } catch (error) {
      // How a component of JavaScript returns an error of its contract; anything else that is thrown ends the instance.
      throw { payload: { tag: 'invalid-settings', val: error.message } };
    }
  }

  propose(incident) {
    const { leave, ...plan } = choose(this.#settings, incident);
    return leave === undefined ? { tag: 'propose', val: plan } : { tag: 'leave', val: leave };
  }
}

// The name of this export is that of the interface, and the class in it that of the resource.
export const remediation = {
  describe() {
    return { name: 'my-guest', version: '0.1.0', summary: SUMMARY, settingsSchema: SCHEMA };
  },
  Policy,
};
