"""Exponentially weighted mean and deviation: what a series has been lately, with the past fading as time goes by.

Unlike a window it forgets smoothly, takes samples at any distance for what their age says, and remembers a series of
any length in 48 bytes. The incremental form is from T. Finch, "Incremental calculation of weighted mean and variance"
(2009); the correction for small samples is the usual one for reliability weights.

Pure functions of a memory and a sample: no clock, no randomness, nothing kept between calls.
"""

import struct
import zlib
from dataclasses import dataclass
from math import floor, inf, log10, sqrt
from typing import Optional, Tuple

from settings import Settings, decay

NAME = "ewma"
VERSION = "0.1.0"
SUMMARY = (
    "Distance from an exponentially weighted mean, in deviations; for series that drift, "
    "and for samples at uneven distances."
)

# Learnt values are taken for no larger than this, so that no square is infinite, whatever its weight.
LARGEST = 1e140

# A band without width would make a score infinite, and infinity does not survive every format a score is written in.
MAX_SCORE = 1e6

# A band is never narrower than the rounding of numbers of its size: eight units in the last place of a 64-bit number.
ROUNDING = 8 * 2.0**-52

# How many half-lives of history are asked for: what is older would weigh 3 % of the whole.
HISTORY = 5

# Score, expected value, lower and upper edge of the band.
Verdict = Tuple[float, float, float, float]


class UnreadableState(ValueError):
    """The bytes were not written by this detector, or not so."""


@dataclass
class Memory:
    """What is known of one series after its last sample, at which time each weight is of that moment."""

    # When the newest sample was taken, in milliseconds since the Unix epoch.
    at: int = 0
    # Sum of the weights, and of their squares: a sample weighs 1 when it comes and half of it one half-life later.
    weight: float = 0.0
    squares: float = 0.0
    mean: float = 0.0
    # Weighted sum of the squared deviations from the mean.
    deviations: float = 0.0

    # Four bytes that say what this is, a checksum of all that follows it, and the five fields, little-endian. The last
    # byte of the magic is the version of this layout: raise it when a field changes its meaning.
    HEADER = struct.Struct("<4sI")
    FIELDS = struct.Struct("<qdddd")
    MAGIC = b"EWM\x01"

    @classmethod
    def read(cls, state: bytes) -> "Memory":
        """Reads what `write` wrote. Nothing at all is a series never seen."""
        if not state:
            return cls()
        size = cls.HEADER.size + cls.FIELDS.size
        if len(state) != size:
            raise UnreadableState(f"state: {len(state)} bytes, and this detector writes {size}")
        magic, checksum = cls.HEADER.unpack_from(state)
        if magic != cls.MAGIC:
            raise UnreadableState(f"state: begins with {magic!r}, not {cls.MAGIC!r}: of another guest or version")
        fields = state[cls.HEADER.size :]
        if zlib.crc32(fields) != checksum:
            raise UnreadableState("state: damaged, its checksum does not fit")
        return cls(*cls.FIELDS.unpack(fields))

    def write(self) -> bytes:
        if not self.weight:
            return b""
        fields = self.FIELDS.pack(self.at, self.weight, self.squares, self.mean, self.deviations)
        return self.HEADER.pack(self.MAGIC, zlib.crc32(fields)) + fields

    def worth(self) -> float:
        """How many samples of equal weight would tell as much (L. Kish, "Survey Sampling", 1965)."""
        return self.weight * self.weight / self.squares if self.squares else 0.0

    def deviation(self) -> float:
        """The standard deviation, corrected for what the mean was fitted to."""
        freedom = self.weight - self.squares / self.weight
        return sqrt(self.deviations / freedom) if freedom > 0 else 0.0

    def learn(self, at: int, value: float, half_life_ms: int) -> None:
        value = min(max(value, -LARGEST), LARGEST)
        # A gap, however long, takes away at most half. The host does not hand over what it found anomalous, so a long
        # incident looks like a gap from here: a memory that emptied meanwhile would have nothing to say after it.
        elapsed = min(max(at - self.at, 0), half_life_ms) if self.weight else 0
        kept = decay(elapsed, half_life_ms)
        past = self.weight * kept
        self.weight = past + 1
        self.squares = self.squares * kept * kept + 1
        distance = value - self.mean
        self.mean += distance / self.weight
        self.deviations = self.deviations * kept + past * (distance / self.weight) * distance
        # Time that goes backwards leaves the memory as old as it was.
        self.at = max(self.at, at) if past else at


class Ewma:
    """The configured detector: settings, and what follows from them."""

    def __init__(self, settings: Settings):
        self.half_life_ms = settings.half_life_ms
        self.threshold = settings.threshold
        self.min_samples = settings.min_samples
        self.history_ms = HISTORY * settings.half_life_ms

    def judge(self, memory: Memory, at: int, value: float) -> Optional[Verdict]:
        """Judges a sample against what came before it, then learns from it. None is no judgement: too little is known."""
        verdict = None
        if memory.worth() >= self.min_samples:
            verdict = band(value, memory.mean, self.threshold * memory.deviation())
        memory.learn(at, value, self.half_life_ms)
        return verdict


def band(value: float, expected: float, half_width: float) -> Verdict:
    """Judges by a band around what was expected: in its middle the score is 0, at its edge 1."""
    half_width = max(half_width, ROUNDING * abs(expected))
    distance = abs(value - expected)
    if distance == 0:
        score = 0.0
    else:
        score = min(distance / half_width if half_width else inf, MAX_SCORE)
    return score, expected, expected - half_width, expected + half_width


def note(value: float, verdict: Verdict) -> str:
    """The verdict in words, with as many decimals as make two significant digits of the band's half-width."""
    _, expected, lower, upper = verdict
    half_width = (upper - lower) / 2
    distance = abs(value - expected)
    # Where the band is nothing beside the distance, as of a constant series, the distance says how exact to be.
    scale = half_width if half_width > distance * 1e-3 else distance
    decimals = 1 - floor(log10(scale)) if 0 < scale < inf else 0
    if decimals <= 9 and max(abs(value), abs(expected)) < 1e15:
        value, expected, half_width = (f"{number:.{max(decimals, 0)}f}" for number in (value, expected, half_width))
    else:
        value, expected, half_width = (f"{number:.3g}" for number in (value, expected, half_width))
    return f"{value}; expected {expected} +/- {half_width} from the fading mean of what came before"
