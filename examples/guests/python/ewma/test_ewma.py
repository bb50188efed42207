"""Tests of the algorithm alone, without a component and without a host: `python3 -m unittest`.

The cases in `cases/` say what a host sees; `tidegate guest test` holds the component against them.
"""

import json
import random
import unittest
from math import fsum, sqrt

from ewma import Ewma, Memory, UnreadableState, band, note
from settings import InvalidSettings, Settings

MINUTE = 60_000


def opened(step_ms: int = MINUTE, **settings) -> Ewma:
    return Ewma(Settings.parse(json.dumps(settings), step_ms))


class TheMemory(unittest.TestCase):
    def test_is_what_the_definition_says(self):
        half_life = 7 * MINUTE
        random.seed(1)
        times, values, memory = [], [], Memory()
        at = 1_700_000_000_000
        for _ in range(300):
            at += random.choice([MINUTE, MINUTE, MINUTE, 10_000, 4 * MINUTE])
            times.append(at)
            values.append(random.gauss(1e6, 3))
            memory.learn(at, values[-1], half_life)

        weights = [0.5 ** ((at - time) / half_life) for time in times]
        whole, squares = fsum(weights), fsum(weight * weight for weight in weights)
        mean = fsum(weight * value for weight, value in zip(weights, values)) / whole
        spread = fsum(weight * (value - mean) ** 2 for weight, value in zip(weights, values))
        self.assertAlmostEqual(memory.mean, mean, places=8)
        self.assertAlmostEqual(memory.deviation(), sqrt(spread / (whole - squares / whole)), places=8)
        self.assertAlmostEqual(memory.worth(), whole * whole / squares, places=8)

    def test_a_gap_takes_away_half_at_most(self):
        memory, worn = Memory(), Memory()
        for at in range(40):
            memory.learn(at * MINUTE, at % 3, 20 * MINUTE)
            worn.learn(at * MINUTE, at % 3, 20 * MINUTE)
        memory.learn(59 * MINUTE, 1, 20 * MINUTE)
        worn.learn(10**15, 1, 20 * MINUTE)
        self.assertEqual((memory.weight, memory.mean), (worn.weight, worn.mean))

    def test_time_that_goes_backwards_fades_nothing(self):
        memory = Memory()
        memory.learn(MINUTE, 1, MINUTE)
        memory.learn(0, 3, MINUTE)
        self.assertEqual((memory.at, memory.weight, memory.mean), (MINUTE, 2, 2))

    def test_comes_back_from_its_bytes(self):
        memory = Memory()
        self.assertEqual(Memory.read(memory.write()), memory)
        for at in (-(2**63), 0, 2**63 - 1):
            memory.learn(at, 0.1, MINUTE)
            self.assertEqual(Memory.read(memory.write()), memory)

    def test_refuses_bytes_that_it_did_not_write(self):
        memory = Memory()
        memory.learn(0, 1.5, MINUTE)
        state = memory.write()
        damaged = [state[:length] for length in range(1, len(state))] + [state + b"\0", bytes(48), b"\xff" * 48]
        for bit in range(8 * len(state)):
            flipped = bytearray(state)
            flipped[bit // 8] ^= 1 << bit % 8
            damaged.append(bytes(flipped))
        for state in damaged:
            with self.assertRaises(UnreadableState, msg=state.hex()):
                Memory.read(state)


class TheJudgement(unittest.TestCase):
    def test_begins_when_enough_is_known(self):
        ewma, memory = opened(half_life="1h", min_samples=10), Memory()
        judged = [ewma.judge(memory, at * MINUTE, at % 2) is not None for at in range(20)]
        # The first samples have faded a little when the tenth comes.
        self.assertEqual(judged, [False] * 11 + [True] * 9)

    def test_scores_by_the_edge_of_the_band(self):
        for value, expected, half_width, score in [
            (10, 10, 2, 0),
            (12, 10, 2, 1),
            (6, 10, 2, 2),
            (1e-300, 0, 0, 1e6),
            (1e308, 0, float("inf"), 0),
        ]:
            got, middle, lower, upper = band(value, expected, half_width)
            self.assertEqual(got, score, f"{value} of {expected} +/- {half_width}")
            self.assertLessEqual(lower, middle)
            self.assertLessEqual(middle, upper)
        self.assertLess(band(0.1 + 0.2, 0.3, 0)[0], 1, "rounding alone is no anomaly")

    def test_is_put_in_as_many_digits_as_the_band_is_worth(self):
        for value, expected, half_width, text in [
            (0.93, 0.412, 0.061, "0.930; expected 0.412 +/- 0.061"),
            (120, 20.04, 3.1, "120.0; expected 20.0 +/- 3.1"),
            (1e12 + 50, 1e12, 12, "1000000000050; expected 1000000000000 +/- 12"),
            (1e-20, 0, 0, "1e-20; expected 0 +/- 0"),
            (-1e150, 3, 1, "-1e+150; expected 3 +/- 1"),
        ]:
            self.assertIn(text, note(value, band(value, expected, half_width)))


class TheSettings(unittest.TestCase):
    def test_have_defaults_that_depend_on_the_step(self):
        for step_ms, min_samples in [(15_000, 30), (MINUTE, 30), (12 * MINUTE, 13)]:
            self.assertEqual(opened(step_ms).min_samples, min_samples)
        self.assertEqual(opened(half_life="1d12h").history_ms, 5 * 36 * 60 * MINUTE)

    def test_are_refused_by_the_name_of_the_key(self):
        for text, part in [
            ("", "settings: not JSON"),
            ("[]", "settings: found []; expected a JSON object"),
            ("null", "settings: found null"),
            ('{"half_live": "1h"}', "half_live: unknown; there are half_life"),
            ('{"half_life": 60}', "half_life: is 60; write a duration"),
            ('{"half_life": ""}', "half_life: "),
            ('{"half_life": "30m1h"}', "half_life: "),
            ('{"half_life": "1h\\n"}', "half_life: "),
            ('{"half_life": "' + "9" * 5000 + 'ms"}', "half_life: "),
            ('{"half_life": "4m59s"}', "at least 5 steps"),
            ('{"half_life": "31w"}', "at most 30w"),
            ('{"threshold": true}', "threshold: is true"),
            ('{"threshold": NaN}', "threshold: "),
            ('{"threshold": 1' + "0" * 400 + "}", "threshold: "),
            ('{"threshold": 1' + "0" * 5000 + "}", "settings: not JSON"),
            ('{"threshold": 0}', "threshold: is 0; it must be a number above 0"),
            ('{"min_samples": "30"}', "min_samples: "),
            ('{"min_samples": 2.5}', "min_samples: "),
            ('{"min_samples": 1}', "min_samples: is 1; it must be a whole number from 2"),
            ('{"half_life": "5m", "min_samples": 14}', "from 2 to 13"),
        ]:
            with self.assertRaises(InvalidSettings, msg=text) as refused:
                Settings.parse(text, MINUTE)
            self.assertIn(part, str(refused.exception))
        with self.assertRaisesRegex(InvalidSettings, "step: is 0 ms"):
            Settings.parse("{}", 0)


if __name__ == "__main__":
    unittest.main()
