// Proposes one action for the incidents that it is meant for, and stops when it does not help.
//
// A policy reads and answers; it never acts, and a person may say no. Replace the settings and the decision by your own.
// choice.test.js runs it without a component.

export const SUMMARY = 'One action for incidents with certain labels, a few times.';

const SEVERITIES = ['low', 'medium', 'high', 'critical'];

// What a user can set, as JSON Schema: the host holds settings against it, and `tidegate guest inspect` shows it.
export const SCHEMA = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    action: {
      description: 'The action to propose: one of those that the watch or route offers.',
      type: 'string',
    },
    labels: {
      description: 'Labels that an incident must have, with these values; at least one.',
      type: 'object',
      additionalProperties: { type: 'string' },
    },
    min_severity: {
      description: 'Less severe incidents are left alone.',
      enum: SEVERITIES,
      default: 'high',
    },
    most_attempts: {
      description: 'So many attempts that did not help are enough.',
      type: 'integer',
      minimum: 1,
      default: 2,
    },
  },
  required: ['action', 'labels'],
  additionalProperties: false,
});

// Reads settings, and holds them against the actions on offer. An error says what is wrong with which key.
export function parse(text, offered) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`settings: not JSON: ${error.message}`);
  }
  if (!isObject(given)) throw new Error('settings: expected a JSON object');
  const { action, labels, min_severity: minSeverity = 'high', most_attempts: mostAttempts = 2, ...others } = given;
  for (const key of Object.keys(others)) {
    throw new Error(`${key}: unknown; there are action, labels, min_severity and most_attempts`);
  }
  if (!offered.includes(action)) {
    throw new Error(`action: \`${action}\` is not on offer; there are: ${offered.join(', ')}`);
  }
  if (!isObject(labels) || !Object.values(labels).every((value) => typeof value === 'string')) {
    throw new Error('labels: expected an object of names and values');
  }
  if (Object.keys(labels).length === 0) {
    throw new Error('labels: is empty; name at least one label and its value');
  }
  if (!SEVERITIES.includes(minSeverity)) {
    throw new Error(`min_severity: is ${JSON.stringify(minSeverity)}; it must be one of ${SEVERITIES.join(', ')}`);
  }
  if (!Number.isInteger(mostAttempts) || mostAttempts < 1) {
    throw new Error(`most_attempts: is ${JSON.stringify(mostAttempts)}; it must be at least 1`);
  }
  return { action, labels, minSeverity, mostAttempts };
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// The reason for doing nothing is read by people: say what was missing.
const leave = (reason) => ({ leave: reason });

// What `incident` holds: `record incident` in wit/v0.1/remediation.wit, with its names in camel case.
export function choose({ action, labels, minSeverity, mostAttempts }, incident) {
  for (const [name, wanted] of Object.entries(labels)) {
    const label = incident.labels.find((label) => label.name === name);
    if (label === undefined) return leave(`the incident has no label ${name}`);
    if (label.value !== wanted) return leave(`${name} is ${label.value}, not ${wanted}`);
  }
  if (SEVERITIES.indexOf(incident.severity) < SEVERITIES.indexOf(minSeverity)) {
    return leave(`severity is ${incident.severity}, below ${minSeverity}`);
  }

  // What became of earlier proposals. A denied one is not made again: a person decided.
  const own = incident.attempts.filter((attempt) => attempt.thisIncident && attempt.action === action);
  const denied = own.find(({ outcome }) => outcome === 'denied');
  if (denied !== undefined) return leave(`was denied: ${denied.reason}`);
  const inVain = own.filter(({ outcome }) => outcome === 'ineffective' || outcome === 'failed').length;
  if (inVain >= mostAttempts) return leave(`${action} did not help, tried ${inVain} times`);

  return {
    summary: `Run ${action}`,
    rationale: `Meant for incidents like this. Attempt ${inVain + 1} of ${mostAttempts}.`,
    action,
    // What the action needs to know besides its target, which the host fills in.
    arguments: '{}',
  };
}
