"""Judges a sample by the range of the samples before it.

The smallest and the largest value of the recent past, with a margin on both sides, are what is normal. Replace the
settings, the state and the judgement by your own. Plain Python: `test_judgement.py` runs it without a component.
"""

import json
import re
import struct
import zlib
from typing import List, NamedTuple, Optional

SUMMARY = "Distance from the range of the recent past."

# Durations as Prometheus writes them: whole numbers with units from large to small.
UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
DURATION = "^" + "".join(f"([0-9]{{1,9}}{unit})?" for unit in UNITS) + "$"

# What a user can set, as JSON Schema: the host holds settings against it, and `tidegate guest inspect` shows it.
SCHEMA = json.dumps(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "window": {
                "description": "How much of the past the range is taken from; 10 to 500 steps.",
                "type": "string",
                "minLength": 1,
                "pattern": DURATION,
                "default": "2h",
            },
            "margin": {
                "description": "How far outside of the range is still normal, as a share of its width.",
                "type": "number",
                "default": 0.5,
            },
        },
        "additionalProperties": False,
    }
)

# Fewer samples than this say little about the range.
LEAST = 10

# Eight bytes each: the state of one series stays below 4 KiB.
MOST = 500

# Values are taken for no larger than this, so that no width is infinite.
LARGEST = 1e150


class InvalidSettings(ValueError):
    """What is wrong with which key, and what would do."""


class UnreadableState(ValueError):
    """The bytes were not written by this detector, or not for these settings. The host then learns the series anew."""


class Settings(NamedTuple):
    window: str
    window_ms: int
    samples: int
    margin: float

    @classmethod
    def parse(cls, text: str, step_ms: int) -> "Settings":
        """Reads settings for series with a sample every `step_ms` milliseconds."""
        try:
            given = json.loads(text)
        except ValueError as error:
            raise InvalidSettings(f"settings: not JSON: {error}")
        if not isinstance(given, dict):
            raise InvalidSettings("settings: expected a JSON object")
        for key in given.keys() - {"window", "margin"}:
            raise InvalidSettings(f"{key}: unknown; there are window and margin")
        if step_ms == 0:
            raise InvalidSettings("step: is 0 ms; it must be at least 1 ms")

        window = given.get("window", "2h")
        if not isinstance(window, str) or not window or not re.fullmatch(DURATION, window):
            raise InvalidSettings(f"window: is {json.dumps(window)}; write a duration such as 30m or 1h30m")
        window_ms = sum(int(number) * UNITS[unit] for number, unit in re.findall("([0-9]+)([a-z]+)", window))
        samples = round(window_ms / step_ms)
        if not LEAST <= samples <= MOST:
            raise InvalidSettings(f"window: {window} holds {samples} samples at this step; make it {LEAST} to {MOST}")

        margin = given.get("margin", 0.5)
        # In Python true is a number too.
        if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 <= margin <= LARGEST:
            raise InvalidSettings(f"margin: is {json.dumps(margin)}; it must be 0 or more, usually 0.5")
        return cls(window, window_ms, samples, margin)


# Four bytes that say what this is, and a checksum of the rest. Raise the last one of the four when the same bytes get
# another meaning; then the host learns its series again from history.
HEADER = struct.Struct("<4sI")
MAGIC = b"RNG\x01"


def read(state: bytes, settings: Settings) -> List[float]:
    """The newest samples of a series, oldest first. No bytes at all are a series never seen."""
    if not state:
        return []
    if len(state) <= HEADER.size or len(state) % 8:
        raise UnreadableState(f"state: {len(state)} bytes, which this detector never writes")
    magic, checksum = HEADER.unpack_from(state)
    values = state[HEADER.size :]
    if magic != MAGIC or checksum != zlib.crc32(values):
        raise UnreadableState("state: damaged, or of another guest or version")
    if len(values) > 8 * settings.samples:
        raise UnreadableState(f"state: holds {len(values) // 8} samples, the window {settings.samples}")
    return list(struct.unpack(f"<{len(values) // 8}d", values))


def write(recent: List[float]) -> bytes:
    values = struct.pack(f"<{len(recent)}d", *recent)
    return HEADER.pack(MAGIC, zlib.crc32(values)) + values if recent else b""


def learn(recent: List[float], value: float, settings: Settings) -> List[float]:
    return recent[-settings.samples + 1 :] + [min(max(value, -LARGEST), LARGEST)]


class Verdict(NamedTuple):
    # 0 or above, and above 1 means anomalous.
    score: float
    expected: float
    lower: float
    upper: float


def judge(recent: List[float], value: float, settings: Settings) -> Optional[Verdict]:
    """At the edges of the band the score is 1, in its middle 0. None is no judgement: too little was seen."""
    if len(recent) < LEAST:
        return None
    lowest, highest = min(recent), max(recent)
    expected = lowest + (highest - lowest) / 2
    # A band without width would make any change endlessly anomalous, rounding included.
    half = max((highest - lowest) * (0.5 + settings.margin), abs(expected) * 2.0**-49)
    distance = abs(value - expected)
    score = min(distance / half, 1e6) if half else (1e6 if distance else 0.0)
    return Verdict(score, expected, expected - half, expected + half)


def note(value: float, verdict: Verdict, settings: Settings) -> str:
    """One sentence for people about an anomalous sample."""
    half = verdict.upper - verdict.expected
    return f"{value:g}; expected {verdict.expected:g} +/- {half:g}, by the range of the last {settings.window}"
