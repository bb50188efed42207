"""`python3 -m unittest` runs these without a component; `tidegate guest test .` runs the cases with it."""

import unittest

from judgement import InvalidSettings, Settings, UnreadableState, judge, learn, read, write

MINUTE = 60_000


class Judgement(unittest.TestCase):
    def setUp(self):
        self.settings = Settings.parse('{"window": "10m"}', MINUTE)
        self.recent = []
        for value in range(10, 20):
            self.assertIsNone(judge(self.recent, value, self.settings), "too little was seen")
            self.recent = learn(self.recent, value, self.settings)

    def test_the_range_and_half_of_it_on_both_sides_are_normal(self):
        for value, score in [(14.5, 0), (19, 0.5), (23.5, 1), (32.5, 2), (-3.5, 2)]:
            self.assertEqual(judge(self.recent, value, self.settings).score, score, value)

    def test_the_oldest_sample_leaves(self):
        self.assertEqual(learn(self.recent, 20.0, self.settings), list(range(11, 21)))

    def test_state_comes_back_from_its_bytes_or_not_at_all(self):
        state = write(self.recent)
        self.assertEqual(read(state, self.settings), self.recent)
        for damaged in [state[:-1], state[:-8], state + b"\0" * 8, bytes(len(state)), state[:40] + b"!" + state[41:]]:
            with self.assertRaises(UnreadableState):
                read(damaged, self.settings)

    def test_settings_are_refused_by_the_name_of_the_key(self):
        for text, key in [
            ("[]", "settings"),
            ('{"windw": "1h"}', "windw"),
            ('{"window": "9m"}', "window"),
            ('{"window": 10}', "window"),
            ('{"margin": -1}', "margin"),
            ('{"margin": NaN}', "margin"),
        ]:
            with self.assertRaisesRegex(InvalidSettings, f"^{key}: "):
                Settings.parse(text, MINUTE)
