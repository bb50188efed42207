"""The contract's side of the detector: columns in, columns out. The algorithm is in `ewma`, and knows nothing of this.

A model holds settings and nothing else: the host hands in the state of a series and keeps what comes back. Instances
are shared between series and thrown away at will, so whatever a model remembered would be wrong.
"""

from math import isfinite, nan

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.detector import Needs, Scored, Verdicts
from wit_world.imports.types import Error_Internal, Error_InvalidSettings, Error_UnreadableState, Samples

from ewma import Ewma, Memory, UnreadableState, note
from settings import InvalidSettings, Settings


class Model(exports.detector.Model):
    def __init__(self, ewma: Ewma):
        self.ewma = ewma

    @classmethod
    def open(cls, settings: str, step_ms: int) -> "Model":
        try:
            return cls(Ewma(Settings.parse(settings, step_ms)))
        except InvalidSettings as refusal:
            raise Err(Error_InvalidSettings(str(refusal)))

    def needs(self) -> Needs:
        return Needs(self.ewma.history_ms, self.ewma.min_samples)

    def score(self, state: bytes, fresh: Samples) -> Scored:
        timestamps, values = fresh.timestamps, fresh.values
        if len(timestamps) != len(values):
            raise Err(Error_Internal(f"samples: {len(timestamps)} timestamps but {len(values)} values"))
        try:
            memory = Memory.read(state)
        except UnreadableState as refusal:
            raise Err(Error_UnreadableState(str(refusal)))

        scores, expected, lower, upper = [], [], [], []
        verdict = None
        for at, value in zip(timestamps, values):
            # What is not a number is neither judged nor learnt.
            verdict = self.ewma.judge(memory, at, value) if isfinite(value) else None
            score, middle, low, high = verdict or (nan, nan, nan, nan)
            scores.append(score)
            expected.append(middle)
            lower.append(low)
            upper.append(high)

        remark = note(values[-1], verdict) if verdict and verdict[0] > 1 else None
        return Scored(memory.write(), Verdicts(scores, expected, lower, upper), remark)
