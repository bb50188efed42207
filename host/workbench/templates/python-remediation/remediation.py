"""The contract's side of the policy: an incident in, a decision out. What it decides is in `choice`."""

from typing import List

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.remediation import ActionInfo, Decision, Decision_Leave, Decision_Propose, Incident, Plan
from wit_world.imports.types import Error_InvalidSettings

from choice import Attempt, InvalidSettings, Leave, Settings, choose


class Policy(exports.remediation.Policy):
    def __init__(self, settings: Settings):
        self.settings = settings

    @classmethod
    def open(cls, settings: str, actions: List[ActionInfo]) -> "Policy":
        try:
            return cls(Settings.parse(settings, [action.name for action in actions]))
        except InvalidSettings as refusal:
            raise Err(Error_InvalidSettings(str(refusal)))

    def propose(self, incident: Incident) -> Decision:
        labels = {label.name: label.value for label in incident.labels}
        # An attempt's outcome is an enum of the contract, here in lower case as people write it.
        attempts = [
            Attempt(attempt.action, attempt.outcome.name.lower(), attempt.reason)
            for attempt in incident.attempts
            if attempt.this_incident
        ]
        chosen = choose(self.settings, labels, incident.severity.name.lower(), attempts)
        if isinstance(chosen, Leave):
            return Decision_Leave(chosen.reason)
        return Decision_Propose(Plan(chosen.summary, chosen.rationale, chosen.action, chosen.arguments))
