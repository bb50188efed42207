"""Settings: from the JSON of a config to numbers that make sense together, or a refusal that names the key."""

import json
import re
import sys
from dataclasses import dataclass
from typing import Any, Dict

UNITS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}

# Durations as Prometheus writes them: whole numbers with units from large to small. The empty text also fits.
DURATION = "^(0|" + "".join(f"([0-9]+{unit})?" for unit in UNITS) + ")$"

# JSON Schema, draft 2020-12. The host holds settings against it before it opens the detector, and shows it to people.
SCHEMA = json.dumps(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "half_life": {
                "description": "After this time a sample counts half; 5 steps or more, at most 30w.",
                "type": "string",
                "minLength": 1,
                "pattern": DURATION,
                "default": "1h",
            },
            "threshold": {
                "description": "How many standard deviations from the mean are still normal.",
                "type": "number",
                "exclusiveMinimum": 0,
                "default": 3.0,
            },
            "min_samples": {
                "description": "It judges once what it remembers is worth so many samples, none of them faded. By "
                "default 30, or fewer where the half-life is too short for so many.",
                "type": "integer",
                "minimum": 2,
            },
        },
        "additionalProperties": False,
    }
)

# With 30 samples the standard deviation is known to about 13 %; with fewer, a threshold of three means little.
MIN_SAMPLES = 30

# A half-life of fewer steps remembers too few samples to know a deviation.
MIN_STEPS = 5

# Five of them are the history that the host is asked for: almost three years of it.
MAX_HALF_LIFE_MS = 30 * UNITS["w"]


# The largest 64-bit number.
MAX_NUMBER = sys.float_info.max

# No sensible duration is longer, and Python would read a number of any length.
MAX_DURATION_TEXT = 64


class InvalidSettings(ValueError):
    """What is wrong with which key, and what would do."""


@dataclass(frozen=True)
class Settings:
    half_life_ms: int
    threshold: float
    min_samples: int

    @classmethod
    def parse(cls, text: str, step_ms: int) -> "Settings":
        """Reads the settings of series with a sample every `step_ms` milliseconds."""
        if step_ms == 0:
            raise InvalidSettings("step: is 0 ms; it must be at least 1 ms")
        given = read_object(text)
        unknown = sorted(given.keys() - {"half_life", "threshold", "min_samples"})
        if unknown:
            raise InvalidSettings(f"{unknown[0]}: unknown; there are half_life, threshold and min_samples")

        half_life = given.get("half_life", "1h")
        half_life_ms = duration_ms("half_life", half_life)
        if not MIN_STEPS * step_ms <= half_life_ms <= MAX_HALF_LIFE_MS:
            raise InvalidSettings(
                f"half_life: is {half_life}; it must be at least {MIN_STEPS} steps, here {MIN_STEPS * step_ms} ms, "
                "and at most 30w"
            )

        threshold = given.get("threshold", 3.0)
        if not is_number(threshold) or threshold <= 0:
            raise InvalidSettings(f"threshold: is {json.dumps(threshold)}; it must be a number above 0, usually 3")

        most = most_samples(step_ms, half_life_ms)
        min_samples = given.get("min_samples", min(MIN_SAMPLES, most))
        if not is_number(min_samples) or min_samples != int(min_samples) or not 2 <= min_samples <= most:
            raise InvalidSettings(
                f"min_samples: is {json.dumps(min_samples)}; it must be a whole number from 2 to {most}, which is "
                f"what a half-life of {half_life} remembers at this step"
            )
        return cls(half_life_ms, float(threshold), int(min_samples))


def decay(elapsed_ms: int, half_life_ms: int) -> float:
    """What a weight has become after some time: half of it after each half-life."""
    return 0.5 ** (elapsed_ms / half_life_ms)


def most_samples(step_ms: int, half_life_ms: int) -> int:
    """How many samples the memory is worth after four half-lives at this step: nine tenths of what it ever will be."""
    kept = decay(step_ms, half_life_ms)
    return int(0.9 * (1 + kept) / (1 - kept))


def read_object(text: str) -> Dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidSettings(f"settings: not JSON: {error}")
    if not isinstance(given, dict):
        raise InvalidSettings(f"settings: found {json.dumps(given)[:100]}; expected a JSON object")
    return given


def duration_ms(key: str, text: Any) -> int:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_DURATION_TEXT or not re.fullmatch(DURATION, text):
        raise InvalidSettings(
            f"{key}: is {json.dumps(text)}; write a duration, whole numbers with units from large to small "
            "(y, w, d, h, m, s, ms), for example 5m, 1h30m or 2w"
        )
    return sum(int(number) * UNITS[unit] for number, unit in re.findall("([0-9]+)([a-z]+)", text))


def is_number(value: Any) -> bool:
    # In Python true and false are numbers too, JSON's reader takes NaN and Infinity, which are none of JSON, and whole
    # numbers have any length.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER
