//! One sample against its history: what is learnt first, and what follows from what each detector says.

use std::sync::Mutex;
use std::time::Duration;

use tidegate_domain::rules::{Direction, Watch};
use tidegate_domain::series::{Standing, Unjudged};
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::{Scored, Verdicts};

use super::host::watch;
use super::scripted::ZScore;
use crate::scorer::{ScoreError, Scorer};
use crate::sounding::{History, Sounding, sound};

/// Always says the same of a sample, which it takes for 10 too high; NaN where it abstains, None where it breaks.
struct Says(&'static str, Option<f64>);

impl Scorer for Says {
    fn name(&self) -> &str {
        self.0
    }

    fn digest(&self) -> &str {
        "d1"
    }

    fn model(&self) -> &str {
        self.0
    }

    fn history(&self) -> Duration {
        Duration::ZERO
    }

    fn score(&self, state: &[u8], _: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        let broken = || ScoreError { kind: "trap", text: "it broke".to_owned(), unreadable_state: false };
        let score = self.1.ok_or_else(broken)?;
        let column = |number: f64| if score.is_nan() { f64::NAN } else { number };
        let all = |of: &dyn Fn(f64) -> f64| values.iter().map(|value| of(*value)).collect();
        let verdicts = Verdicts {
            scores: all(&|_| score),
            expected: all(&|value| column(value - 10.0)),
            lower: all(&|value| column(value - 12.0)),
            upper: all(&|value| column(value - 8.0)),
        };
        Ok(Scored { state: state.to_vec(), verdicts, note: Some(format!("{} says so", self.0)) })
    }
}

const USUAL: Option<f64> = Some(0.5);
const UNUSUAL: Option<f64> = Some(2.0);
const ABSTAINS: Option<f64> = Some(f64::NAN);
const BREAKS: Option<f64> = None;
const NAMES: [&str; 3] = ["one", "two", "three"];

fn said(side: Direction, quorum: Option<usize>, answers: &[Option<f64>], value: f64) -> Sounding {
    let detectors: Vec<Box<dyn Scorer>> =
        NAMES.iter().zip(answers).map(|(name, answer)| Box::new(Says(name, *answer)) as Box<dyn Scorer>).collect();
    let rules = Watch { direction: side, ..watch() };
    sound(&rules, quorum, &detectors, History { timestamps: &[1, 2], values: &[0.0, 1.0] }, (Timestamp(3), value))
}

#[test]
fn all_that_can_judge_must_agree_unless_fewer_do() {
    let unjudged = |why| Standing::Unjudged(why);
    for (quorum, answers, expected) in [
        (None, vec![USUAL], Standing::Normal),
        (None, vec![UNUSUAL], Standing::Anomalous),
        (None, vec![UNUSUAL, USUAL], Standing::Normal),
        (None, vec![UNUSUAL, UNUSUAL], Standing::Anomalous),
        (None, vec![UNUSUAL, ABSTAINS], Standing::Anomalous),
        (None, vec![USUAL, ABSTAINS], Standing::Normal),
        (None, vec![ABSTAINS, ABSTAINS], unjudged(Unjudged::Learning)),
        (None, vec![], unjudged(Unjudged::Learning)),
        // It could have said either.
        (None, vec![UNUSUAL, BREAKS], unjudged(Unjudged::GuestFailed)),
        (None, vec![USUAL, BREAKS], Standing::Normal),
        (None, vec![BREAKS], unjudged(Unjudged::GuestFailed)),
        (Some(1), vec![UNUSUAL, USUAL], Standing::Anomalous),
        (Some(1), vec![USUAL, BREAKS], unjudged(Unjudged::GuestFailed)),
        (Some(2), vec![UNUSUAL, UNUSUAL, USUAL], Standing::Anomalous),
        (Some(2), vec![UNUSUAL, USUAL, USUAL], Standing::Normal),
    ] {
        let judgement = said(Direction::Both, quorum, &answers, 5.0).judgement;
        assert_eq!(judgement.standing, expected, "{quorum:?} {answers:?}");
    }
}

#[test]
fn the_side_that_nobody_alerts_on_is_usual() {
    // Everything is taken for too high.
    for (side, expected) in [
        (Direction::Both, Standing::Anomalous),
        (Direction::AboveExpected, Standing::Anomalous),
        (Direction::BelowExpected, Standing::Normal),
    ] {
        assert_eq!(said(side, None, &[UNUSUAL], 5.0).judgement.standing, expected, "{side:?}");
    }
}

#[test]
fn each_says_what_it_has_to_say() {
    let Sounding { judgement, opinions, abstained, failed } =
        said(Direction::Both, None, &[UNUSUAL, ABSTAINS, BREAKS], 5.0);
    assert_eq!((judgement.verdict.expected, judgement.verdict.upper), (-5.0, -3.0));
    let scores: Vec<(&str, bool)> = opinions.iter().map(|o| (o.detector.as_str(), o.score.0 > 1.0)).collect();
    assert_eq!(scores, [("one", true), ("two", false), ("three", false)]);
    assert_eq!(opinions[0].note.as_deref(), Some("one says so"));
    assert!(opinions.iter().all(|opinion| opinion.state.0.is_empty()), "states are nobody's business later");
    assert_eq!((abstained, failed.len()), (vec!["two".to_owned()], 1));
    assert_eq!((failed[0].0.as_str(), failed[0].1.to_string().as_str()), ("three", "it broke"));
}

#[test]
fn a_normal_value_lies_in_the_band_that_is_shown() {
    let inside = |sounding: Sounding| {
        let verdict = sounding.judgement.verdict;
        (verdict.score, (verdict.lower..=verdict.upper).contains(&5.0))
    };
    // One of two finds it too high, which is not enough. (The bands of these detectors hold nothing.)
    assert_eq!(inside(said(Direction::Both, None, &[UNUSUAL, USUAL], 5.0)).0, 0.5);
    // All do, and the rule only looks for what is too low.
    assert_eq!(inside(said(Direction::BelowExpected, None, &[UNUSUAL], 5.0)), (2.0, true));
    assert_eq!(inside(said(Direction::AboveExpected, None, &[UNUSUAL], 5.0)), (2.0, false));
}

#[test]
fn a_value_that_is_no_number_is_not_judged() {
    for value in [f64::NAN, f64::INFINITY] {
        let Sounding { judgement, opinions, .. } = said(Direction::Both, None, &[UNUSUAL], value);
        assert_eq!(judgement.standing, Standing::Unjudged(Unjudged::NotFinite));
        assert!(opinions.is_empty());
    }
}

#[test]
fn a_long_history_is_learnt_piece_by_piece_and_the_trouble_is_not() {
    let timestamps: Vec<i64> = (0..1300).map(|minute| minute * 60_000).collect();
    let values: Vec<f64> = (0..1300).map(|minute| f64::from(minute % 3)).collect();
    let detectors: Vec<Box<dyn Scorer>> = vec![Box::new(ZScore::new(120))];
    let history = History { timestamps: &timestamps, values: &values };
    let standing = |value| sound(&watch(), None, &detectors, history, (Timestamp(1300 * 60_000), value));
    assert_eq!(standing(1.0).judgement.standing, Standing::Normal);
    assert_eq!(standing(50.0).judgement.standing, Standing::Anomalous);
    let short = History { timestamps: &timestamps[..3], values: &values[..3] };
    let sounding = sound(&watch(), None, &detectors, short, (Timestamp(1300 * 60_000), 50.0));
    assert_eq!(sounding.judgement.standing, Standing::Unjudged(Unjudged::Learning));
    assert_eq!(sounding.abstained, ["zscore"]);
}

/// Breaks on the second piece of a history.
struct Tires(Mutex<u32>);

impl Scorer for Tires {
    fn name(&self) -> &str {
        "tires"
    }

    fn digest(&self) -> &str {
        "d2"
    }

    fn model(&self) -> &str {
        "tires"
    }

    fn history(&self) -> Duration {
        Duration::ZERO
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        let mut calls = self.0.lock().expect("one thread");
        *calls += 1;
        Says("tires", if *calls == 2 { BREAKS } else { USUAL }).score(state, timestamps, values)
    }
}

#[test]
fn nothing_is_judged_by_half_a_history() {
    let timestamps: Vec<i64> = (0..1300).collect();
    let values = vec![1.0; 1300];
    let detectors: Vec<Box<dyn Scorer>> = vec![Box::new(Tires(Mutex::new(0)))];
    let history = History { timestamps: &timestamps, values: &values };
    let sounding = sound(&watch(), None, &detectors, history, (Timestamp(1300), 1.0));
    assert_eq!(sounding.judgement.standing, Standing::Unjudged(Unjudged::GuestFailed));
    assert_eq!(sounding.failed.len(), 1);
}
