//! A detector that says what the value tells it to, and whose state is the list of the values it has learnt.

use std::time::Duration;

use tidegate_guest::testing::Model;
use tidegate_guest::{Detector, Error, Samples};
use tidegate_sandbox::{Scored, Verdicts};

use crate::scorer::{ScoreError, Scorer};

/// Letter, value, score.
const LETTERS: [(char, f64, f64); 11] = [
    ('n', 1.0, 0.1),
    ('m', 9.0, 0.9),
    ('A', 12.0, 1.2),
    ('H', 20.0, 2.0),
    ('b', -12.0, 1.2),
    ('?', 30.0, f64::NAN),
    ('!', 31.0, 0.0),
    ('P', 32.0, 0.0),
    ('U', 33.0, 0.1),
    ('S', 34.0, 0.1),
    ('~', f64::NAN, 0.0),
];

/// `n` healthy, `m` not yet healthy, `A` anomalous, `H` more so, `b` anomalous on the other side, `?` not judged, `!`
/// a trap, `P` a panic in the host, `U` unreadable state, `S` an answer that is too short, `~` not a number.
pub(crate) fn value_of(letter: char) -> f64 {
    let known = LETTERS.iter().find(|(known, ..)| *known == letter);
    known.unwrap_or_else(|| panic!("no sample is written {letter:?}")).1
}

fn letter_of(value: f64) -> (char, f64) {
    let known = LETTERS.iter().find(|(_, known, _)| *known == value || (known.is_nan() && !value.is_finite()));
    known.map_or(('#', value.abs() / 10.0), |(letter, _, score)| (*letter, *score))
}

/// What a state has learnt, as letters.
pub(crate) fn learnt(state: &[u8]) -> String {
    let (numbers, rest) = state.as_chunks::<8>();
    assert!(rest.is_empty());
    numbers.iter().map(|bytes| letter_of(f64::from_le_bytes(*bytes)).0).collect()
}

#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) name: &'static str,
    pub(crate) digest: String,
    pub(crate) model: &'static str,
    pub(crate) history: Duration,
    /// Traps, panics and refuses states where the letter says so; else it takes them for healthy.
    pub(crate) breaks: bool,
    /// Takes no state that it is tried on, as another version may.
    pub(crate) refuses: bool,
}

impl Scripted {
    pub(crate) fn new(name: &'static str) -> Scripted {
        Scripted {
            name,
            digest: "00".to_owned(),
            model: "scripted",
            history: Duration::from_secs(60 * 60),
            breaks: true,
            refuses: false,
        }
    }
}

impl Scorer for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn model(&self) -> &str {
        self.model
    }

    fn history(&self) -> Duration {
        self.history
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        assert_eq!(timestamps.len(), values.len());
        assert!(timestamps.is_sorted_by(|a, b| a < b), "out of order: {timestamps:?}");
        assert!(values.iter().all(|value| value.is_finite()), "not a number was handed over: {values:?}");
        let mut scored = Scored {
            state: state.to_vec(),
            verdicts: Verdicts { scores: vec![], expected: vec![], lower: vec![], upper: vec![] },
            note: None,
        };
        if self.refuses && values.is_empty() && !state.is_empty() {
            let text = "a state of another layout".to_owned();
            return Err(ScoreError { kind: "guest", text, unreadable_state: true });
        }
        for value in values {
            let (letter, score) = letter_of(*value);
            let failed = |unreadable_state| ScoreError { kind: "trap", text: format!("a {letter}"), unreadable_state };
            match letter {
                '!' if self.breaks => return Err(failed(false)),
                'P' if self.breaks => panic!("told to"),
                'U' if self.breaks && !state.is_empty() && values.len() == 1 => return Err(failed(true)),
                'S' if self.breaks => return Ok(scored),
                _ => {}
            }
            scored.state.extend(value.to_le_bytes());
            scored.verdicts.scores.push(score);
            let judged = |number: f64| if score.is_nan() { f64::NAN } else { number };
            scored.verdicts.expected.push(judged(0.0));
            scored.verdicts.lower.push(judged(-10.0));
            scored.verdicts.upper.push(judged(10.0));
        }
        Ok(scored)
    }
}

/// A guest, as native code.
pub(crate) struct Native<D: Detector> {
    model: Model<D>,
    history: Duration,
}

/// The z-score guest.
pub(crate) type ZScore = Native<zscore::ZScore>;
/// The seasonal one.
pub(crate) type Seasonal = Native<seasonal::Seasonal>;

impl Native<zscore::ZScore> {
    pub(crate) fn new(window_minutes: u64) -> ZScore {
        Native::open(&format!(r#"{{"window": "{window_minutes}m"}}"#))
    }
}

impl<D: Detector> Native<D> {
    pub(crate) fn open(settings: &str) -> Native<D> {
        let model = Model::open(settings, 60_000).unwrap_or_else(|error| panic!("{settings}: {error:?}"));
        let history = Duration::from_millis(model.needs().history_ms);
        Native { model, history }
    }
}

impl<D: Detector + Send + Sync> Scorer for Native<D> {
    fn name(&self) -> &str {
        D::NAME
    }

    fn digest(&self) -> &str {
        "5c"
    }

    fn model(&self) -> &str {
        D::NAME
    }

    fn history(&self) -> Duration {
        self.history
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        let fresh = Samples { timestamps: timestamps.to_vec(), values: values.to_vec() };
        let scored = self.model.score(state.to_vec(), &fresh).map_err(|error| ScoreError {
            kind: "guest",
            text: format!("{error:?}"),
            unreadable_state: matches!(error, Error::UnreadableState(_)),
        })?;
        let tidegate_guest::Verdicts { scores, expected, lower, upper } = scored.verdicts;
        Ok(Scored { state: scored.state, verdicts: Verdicts { scores, expected, lower, upper }, note: scored.note })
    }
}
