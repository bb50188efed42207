"""`python3 -m unittest` runs these without a component; `tidegate guest test .` runs the cases with it."""

import json
import unittest

from choice import Attempt, InvalidSettings, Leave, Propose, Settings, choose

OFFERED = ["restart", "failover"]
CHECKOUT = {"service": "checkout"}


def settings(**given) -> Settings:
    return Settings.parse(json.dumps({"action": "restart", "labels": CHECKOUT, **given}), OFFERED)


class Choice(unittest.TestCase):
    def test_a_severe_incident_is_answered(self):
        chosen = choose(settings(), {**CHECKOUT, "zone": "a"}, "critical", [])
        self.assertIsInstance(chosen, Propose)
        self.assertEqual((chosen.action, json.loads(chosen.arguments)), ("restart", {}))

    def test_others_are_left_alone_with_the_reason(self):
        for labels, severity, reason in [
            ({}, "high", "the incident has no label service"),
            ({"service": "search"}, "high", "service is search, not checkout"),
            (CHECKOUT, "medium", "severity is medium, below high"),
        ]:
            self.assertEqual(choose(settings(), labels, severity, []), Leave(reason))

    def test_what_did_not_help_is_not_repeated_for_ever(self):
        in_vain = Attempt("restart", "ineffective", "")
        self.assertIn("Attempt 2 of 2", choose(settings(), CHECKOUT, "high", [in_vain]).rationale)
        self.assertIn("tried 2 times", choose(settings(), CHECKOUT, "high", [in_vain, in_vain]).reason)
        self.assertIn("not now", choose(settings(), CHECKOUT, "high", [Attempt("restart", "denied", "not now")]).reason)

    def test_settings_are_refused_by_the_name_of_the_key(self):
        for given, key in [
            ({"action": "reboot"}, "action"),
            ({"labels": {}}, "labels"),
            ({"labels": {"service": 1}}, "labels"),
            ({"min_severity": "worst"}, "min_severity"),
            ({"most_attempts": 0}, "most_attempts"),
            ({"most": 1}, "most"),
        ]:
            with self.assertRaisesRegex(InvalidSettings, f"^{key}: "):
                settings(**given)
