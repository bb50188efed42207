//! What is remembered of a series: the parts, what they say of the next sample, and how they learn together.

use tidegate_guest::{Step, Timestamp, Verdict};

use crate::clock::Clock;
use crate::judgement::{Judgement, Measures};
use crate::kind::Kind;
use crate::note::{Said, Setting};
use crate::season::{Moment, Season};
use crate::tail::Tail;
use crate::views::change::Change;
use crate::views::level::Level;
use crate::views::range::Range;
use crate::views::spread::Spread;
use crate::views::{self, COUNT, Measure, View};
use crate::window::Window;

/// Values are learnt as no larger than this, so that neither sums nor differences of them are infinite.
const LARGEST: f64 = 1e150;

/// What looks rare is learnt with this weight: it may be the beginning of an incident.
const WEIGHT_OF_RARE: f64 = 0.2;

tidegate_guest::state! {
    /// Everything that is known of a series.
    #[derive(Debug)]
    pub struct Memory("tide", 1) {
        clock: Clock,
        /// Samples seen, and seen since another season came into use.
        seen: u64,
        settled: u64,
        window: Window,
        kind: Kind,
        season: Season,
        change: Change,
        level: Level,
        range: Range,
        spread: Spread,
        tails: [Tail; COUNT],
        said: Said,
    }
}

/// What the parts say of a sample before it is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    moment: Moment,
    pub(crate) measures: Measures,
    /// What is expected of the sample.
    pub(crate) expected: f64,
}

impl Memory {
    pub(crate) fn empty(step: Step) -> Self {
        Memory {
            clock: Clock::new(step),
            seen: 0,
            settled: 0,
            window: Window::empty(),
            kind: Kind::starting_at(0.0),
            season: Season::starting_at(0.0),
            change: Change::starting_at(0.0),
            level: Level::starting_at(0.0),
            range: Range::starting_at(0.0),
            spread: Spread::starting(),
            tails: std::array::from_fn(|_| Tail::empty()),
            said: Said::nothing(),
        }
    }

    /// Moves on to the time of the next sample; false where that is no time to judge.
    pub(crate) fn advance(&mut self, at: Timestamp, value: f64) -> bool {
        if !self.clock.advance(at) {
            return false;
        }
        if self.seen == 0 {
            let value = value.clamp(-LARGEST, LARGEST);
            self.kind = Kind::starting_at(value);
            self.season = Season::starting_at(value);
            self.range = Range::starting_at(value);
            self.settle(value);
        }
        true
    }

    /// How many samples were seen.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The distance between two samples, in milliseconds.
    pub(crate) fn step_ms(&self) -> f64 {
        self.clock.step_ms()
    }

    /// How rare a distance is, for each view.
    pub(crate) fn tails(&self) -> &[Tail; COUNT] {
        &self.tails
    }

    /// What is expected where no season is known. Of the first sample, what it is.
    fn level_of_late(&self) -> f64 {
        if self.window.len() > 0 { self.window.median() } else { self.range.low() }
    }

    /// What the parts say of a sample at that time.
    pub(crate) fn outlook(&self, moment: Moment) -> Outlook {
        let median = self.level_of_late();
        let noise = if self.window.len() > 0 { self.window.noise() } else { 0.0 };
        let hair = self.kind.hair(median, noise);
        let usual = self.season.usual(&moment);
        let expected = usual.map_or(median, |usual| usual.mean);
        let around = |measure: Measure| Some(Measure { centre: measure.centre + expected, ..measure });
        let measures = [
            if usual.is_none() { views::recent::measure(&self.window, hair) } else { None },
            usual.map(|usual| views::season::measure(&self.season, usual, hair)),
            around(self.change.measure(hair)),
            around(self.level.measure(hair)),
            Some(self.range.measure(hair)),
            around(self.spread.measure(0.0, hair)),
        ];
        Outlook { moment, measures, expected }
    }

    /// Learns a sample of which this was expected and that was said.
    pub(crate) fn learn(&mut self, value: f64, outlook: &Outlook, judgement: &Judgement) {
        let anomalous = judgement.verdict.is_anomalous();
        let weight = if anomalous { WEIGHT_OF_RARE } else { 1.0 };
        for (measure, tail) in outlook.measures.iter().zip(&mut self.tails) {
            if let Some(measure) = measure {
                tail.learn(measure.distance(value), weight);
            }
        }
        if anomalous {
            self.remember(value, outlook, judgement);
        }
        let value = value.clamp(-LARGEST, LARGEST);
        let residual = value - outlook.expected;
        let settled = self.settled as f64;
        self.change.learn(residual, settled, weight);
        self.level.learn(residual, settled, weight);
        self.spread.learn(residual.abs(), settled, weight);
        self.range.learn(value);
        self.kind.learn(value, self.seen as f64);
        let period = self.season.period();
        self.season.learn(&outlook.moment, value, self.level_of_late(), weight);
        self.window.push(value);
        self.seen += 1;
        self.settled += 1;
        if self.season.period() != period {
            self.settle(value - self.outlook(outlook.moment).expected);
        }
    }

    /// Begins anew with what is left of a sample after the season: it was another season before.
    fn settle(&mut self, residual: f64) {
        self.settled = 0;
        self.change = Change::starting_at(residual);
        self.level = Level::starting_at(residual);
        self.spread = Spread::starting();
    }

    fn remember(&mut self, value: f64, outlook: &Outlook, judgement: &Judgement) {
        let Some((view, reach)) = judgement.spoke else { return };
        let residual = value - outlook.expected;
        let (before, of_late) = match view {
            View::Change => (outlook.expected + self.change.last(), value),
            View::Level => (outlook.expected + self.level.before(), outlook.expected + self.level.of_late(residual)),
            View::Spread => (self.spread.before(), self.spread.of_late(residual.abs())),
            View::Recent | View::Season | View::Range => (0.0, 0.0),
        };
        let centre = outlook.measures[view as usize].map_or(outlook.expected, |measure| measure.centre);
        let range = (self.range.low(), self.range.high());
        self.said = Said::by(view, (centre, reach), (before, of_late), range, self.clock.known_ms());
    }

    /// The sentence about the last anomalous sample.
    pub(crate) fn sentence(&self, value: f64, verdict: &Verdict) -> String {
        let setting = Setting {
            period: self.season.period(),
            window_ms: self.window.len() as f64 * self.clock.step_ms(),
            whole: self.kind.is_whole(),
            sparse: self.kind.is_sparse(),
            counter: self.kind.is_counter(self.seen),
        };
        self.said.sentence(value, verdict, &setting)
    }

    /// Whether bytes that could be read can be the memory of a series.
    pub(crate) fn is_sound(&self) -> bool {
        self.clock.is_sound()
            && self.window.is_sound()
            && (self.window.len() > 0 || self.seen == 0)
            && self.kind.is_sound()
            && self.season.is_sound()
            && self.change.is_sound()
            && self.level.is_sound()
            && self.range.is_sound()
            && self.spread.is_sound()
            && self.tails.iter().all(Tail::is_sound)
            && self.said.is_sound()
    }
}
