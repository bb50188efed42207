"""The contract's side of the detector: columns in, columns out. What it does is in `judgement`."""

from math import isfinite, nan

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.detector import Needs, Scored, Verdicts
from wit_world.imports.types import Error_Internal, Error_InvalidSettings, Error_UnreadableState, Samples

from judgement import LEAST, InvalidSettings, Settings, UnreadableState, judge, learn, note, read, write


class Model(exports.detector.Model):
    """Settings, and nothing learnt: one model serves many series, and is thrown away at will."""

    def __init__(self, settings: Settings):
        self.settings = settings

    @classmethod
    def open(cls, settings: str, step_ms: int) -> "Model":
        try:
            return cls(Settings.parse(settings, step_ms))
        except InvalidSettings as refusal:
            raise Err(Error_InvalidSettings(str(refusal)))

    def needs(self) -> Needs:
        return Needs(history_ms=self.settings.window_ms, min_samples=LEAST)

    def score(self, state: bytes, fresh: Samples) -> Scored:
        if len(fresh.timestamps) != len(fresh.values):
            raise Err(Error_Internal(f"samples: {len(fresh.timestamps)} timestamps, {len(fresh.values)} values"))
        try:
            recent = read(state, self.settings)
        except UnreadableState as refusal:
            raise Err(Error_UnreadableState(str(refusal)))

        rows = []
        verdict = None
        for value in fresh.values:
            verdict = None
            # NaN and infinities are neither judged nor learnt.
            if isfinite(value):
                verdict = judge(recent, value, self.settings)
                recent = learn(recent, value, self.settings)
            rows.append(verdict or (nan, nan, nan, nan))

        columns = zip(*rows) if rows else ([], [], [], [])
        remark = note(fresh.values[-1], verdict, self.settings) if verdict and verdict.score > 1 else None
        return Scored(write(recent), Verdicts(*map(list, columns)), remark)
