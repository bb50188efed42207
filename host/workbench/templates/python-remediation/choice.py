"""Proposes one action for the incidents that it is meant for, and stops when it does not help.

A policy reads and answers; it never acts, and a person may say no. Replace the settings and the decision by your own.
Plain Python: `test_choice.py` runs it without a component.
"""

import json
from typing import Dict, List, NamedTuple, Union

SUMMARY = "One action for incidents with certain labels, a few times."

SEVERITIES = ["low", "medium", "high", "critical"]

# What a user can set, as JSON Schema: the host holds settings against it, and `tidegate guest inspect` shows it.
SCHEMA = json.dumps(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "action": {
                "description": "The action to propose: one of those that the watch or route offers.",
                "type": "string",
            },
            "labels": {
                "description": "Labels that an incident must have, with these values; at least one.",
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
            "min_severity": {
                "description": "Less severe incidents are left alone.",
                "enum": SEVERITIES,
                "default": "high",
            },
            "most_attempts": {
                "description": "So many attempts that did not help are enough.",
                "type": "integer",
                "minimum": 1,
                "default": 2,
            },
        },
        "required": ["action", "labels"],
        "additionalProperties": False,
    }
)


class InvalidSettings(ValueError):
    """What is wrong with which key, and what would do."""


class Settings(NamedTuple):
    action: str
    labels: Dict[str, str]
    min_severity: str
    most_attempts: int

    @classmethod
    def parse(cls, text: str, offered: List[str]) -> "Settings":
        """Reads settings, and holds them against the actions on offer."""
        try:
            given = json.loads(text)
        except ValueError as error:
            raise InvalidSettings(f"settings: not JSON: {error}")
        if not isinstance(given, dict):
            raise InvalidSettings("settings: expected a JSON object")
        for key in given.keys() - set(cls._fields):
            raise InvalidSettings(f"{key}: unknown; there are {', '.join(cls._fields)}")

        action = given.get("action")
        if action not in offered:
            raise InvalidSettings(f"action: `{action}` is not on offer; there are: {', '.join(offered)}")
        labels = given.get("labels")
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise InvalidSettings("labels: expected an object of names and values")
        if not labels:
            raise InvalidSettings("labels: is empty; name at least one label and its value")
        min_severity = given.get("min_severity", "high")
        if min_severity not in SEVERITIES:
            raise InvalidSettings(f"min_severity: is {json.dumps(min_severity)}; it must be one of {SEVERITIES}")
        most_attempts = given.get("most_attempts", 2)
        # In Python true is a number too.
        if isinstance(most_attempts, bool) or not isinstance(most_attempts, int) or most_attempts < 1:
            raise InvalidSettings(f"most_attempts: is {json.dumps(most_attempts)}; it must be at least 1")
        return cls(action, labels, min_severity, most_attempts)


class Attempt(NamedTuple):
    """An earlier request of this incident, and what became of it."""

    action: str
    outcome: str
    reason: str


class Leave(NamedTuple):
    """Read by people: say what was missing."""

    reason: str


class Propose(NamedTuple):
    summary: str
    rationale: str
    action: str
    # What the action needs to know besides its target, which the host fills in; as JSON.
    arguments: str


def choose(
    settings: Settings, labels: Dict[str, str], severity: str, attempts: List[Attempt]
) -> Union[Leave, Propose]:
    for name, wanted in settings.labels.items():
        if name not in labels:
            return Leave(f"the incident has no label {name}")
        if labels[name] != wanted:
            return Leave(f"{name} is {labels[name]}, not {wanted}")
    if SEVERITIES.index(severity) < SEVERITIES.index(settings.min_severity):
        return Leave(f"severity is {severity}, below {settings.min_severity}")

    # What became of earlier proposals. A denied one is not made again: a person decided.
    own = [attempt for attempt in attempts if attempt.action == settings.action]
    for attempt in own:
        if attempt.outcome == "denied":
            return Leave(f"was denied: {attempt.reason}")
    in_vain = sum(attempt.outcome in ("ineffective", "failed") for attempt in own)
    if in_vain >= settings.most_attempts:
        return Leave(f"{settings.action} did not help, tried {in_vain} times")

    return Propose(
        summary=f"Run {settings.action}",
        rationale=f"Meant for incidents like this. Attempt {in_vain + 1} of {settings.most_attempts}.",
        action=settings.action,
        arguments="{}",
    )
