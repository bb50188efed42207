//! What is remembered of a series: the parts, what they say of the next sample, and how they learn together.

use tidegate_guest::{Step, Timestamp, Verdict};

use crate::bar::Bar;
use crate::clock::Clock;
use crate::judgement::{Judgement, Measures, Tails};
use crate::kind::Kind;
use crate::lists::{LONG, Lists, RECENT};
use crate::note::{Said, Setting};
use crate::order::larger;
use crate::season::{DAY, Season, Usual, WEEK, Within};
use crate::tail::Tail;
use crate::views::change::Change;
use crate::views::level::Level;
use crate::views::range::Range;
use crate::views::spread::Spread;
use crate::views::{self, View};
use crate::window::Window;

/// Values are learnt as no larger than this, so that neither sums nor differences of them are infinite.
const LARGEST: f64 = 1e150;

/// What looks rare is learnt with this weight: it may be the beginning of an incident.
const WEIGHT_OF_RARE: f64 = 0.3;

/// The window of weeks spans four.
const LONG_MS: f64 = 28.0 * 86_400_000.0;

/// The range and the spread of fewer samples say too little.
const LEAST_FOR_RANGE: u64 = 50;
const LEAST_FOR_SPREAD: u64 = 100;

/// A sample follows the one before where at most so many steps lie between them.
const FOLLOWS: f64 = 1.5;

tidegate_guest::state! {
    /// Everything that is known of a series.
    #[derive(Debug)]
    pub struct Memory("tide", 5) {
        clock: Clock,
        seen: u64,
        kind: Kind,
        recent: Window,
        long: Window,
        day: Season,
        week: Season,
        change: Change,
        level: Level,
        range: Range,
        spread: Spread,
        bar: Bar,
        said: Option<Said>,
        lists: Lists,
    }
}

/// What the parts say of a sample before it is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    at: Timestamp,
    /// Where in the day and in the week that is.
    within: [Within; 2],
    pub(crate) measures: Measures,
    /// What the samples of late were like.
    pub(crate) level: f64,
    /// What is usual at this time of the day and of the week, whether that explains something or not.
    day: Option<Usual>,
    week: Option<Usual>,
}

impl Outlook {
    /// What is usual at this time, by the seasons that know it.
    pub(crate) fn usual(&self) -> impl Iterator<Item = Usual> + Clone {
        [self.day, self.week].into_iter().flatten()
    }
}

impl Memory {
    pub(crate) fn empty(step: Step) -> Self {
        Memory {
            clock: Clock::new(step),
            seen: 0,
            kind: Kind::starting_at(0.0),
            recent: Window::empty(),
            long: Window::empty(),
            day: Season::starting_at(0.0),
            week: Season::starting_at(0.0),
            change: Change::starting_at(0.0),
            level: Level::starting_at(0.0),
            range: Range::starting_at(0.0),
            spread: Spread::starting(),
            bar: Bar::lowest(),
            said: None,
            lists: Lists::empty(),
        }
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
    pub(crate) fn tails(&self) -> &Tails {
        self.lists.tails()
    }

    /// How many times as rare as the budget says, in logarithms, a sample must be.
    pub(crate) fn bar(&self, at: Timestamp, span_ms: f64) -> f64 {
        self.bar.height(at, span_ms)
    }

    /// What the parts say of the next sample; `None` where it came late or twice, and belongs to a past that was judged.
    pub(crate) fn outlook(&mut self, at: Timestamp, value: f64) -> Option<Outlook> {
        let gap_ms = self.clock.advance(at)?;
        if self.seen == 0 {
            self.start(value.clamp(-LARGEST, LARGEST));
        }
        let follows = self.seen > 0 && gap_ms < FOLLOWS * self.clock.step_ms();
        // One fall from 6 to 4 in a month does not say that such falls are the grain of the metric.
        let grain = if self.kind.is_still() { None } else { self.change.grain() };
        let unit = views::least_unit(self.level.before(), self.kind.is_flat(), grain);
        let (recent, long) = (self.lists.recent(), self.lists.long());
        let within = [DAY.within(at), WEEK.within(at)];
        let day = self.day.usual(DAY, &self.lists.day(), within[0]);
        let week = self.week.usual(WEEK, &self.lists.week(), within[1]);
        let measures = [
            views::past::measure(&self.recent, &recent, self.level.deviation(), unit),
            views::past::measure(&self.long, &long, self.level.deviation(), unit),
            views::time::measure(&self.day, DAY, day, unit),
            views::time::measure(&self.week, WEEK, week, unit),
            self.change.measure(self.level.deviation(), unit, self.seen, gap_ms / self.clock.step_ms()),
            Some(self.level.measure(unit)),
            (self.seen > LEAST_FOR_RANGE).then(|| self.range.measure(unit)),
            (follows && self.seen > LEAST_FOR_SPREAD).then(|| self.spread.measure(self.level.of_late(), unit)),
        ];
        let level = if self.recent.len() > 0 { self.recent.median(&recent) } else { self.level.before() };
        Some(Outlook { at, within, measures, level, day, week })
    }

    /// Makes the first sample what everything begins with.
    fn start(&mut self, value: f64) {
        self.kind = Kind::starting_at(value);
        self.day = Season::starting_at(value);
        self.week = Season::starting_at(value);
        self.change = Change::starting_at(value);
        self.level = Level::starting_at(value);
        self.range = Range::starting_at(value);
    }

    /// Learns a sample of which this was expected and that was said. `span_ms` is the time in which the budget allows one
    /// false alarm.
    pub(crate) fn learn(&mut self, value: f64, outlook: &Outlook, judgement: &Judgement, span_ms: f64) {
        if judgement.verdict.is_anomalous() {
            self.bar.raise(outlook.at, span_ms);
            self.said = self.compared(value, outlook, judgement);
        } else {
            self.said = None;
        }
        let weight = if judgement.verdict.score >= 1.0 { WEIGHT_OF_RARE } else { 1.0 };
        let value = value.clamp(-LARGEST, LARGEST);
        let (pairs, _) = self.lists.tails_mut().as_chunks_mut::<2>();
        for ((view, measure), pair) in View::ALL.into_iter().zip(&outlook.measures).zip(pairs) {
            let Some(measure) = measure else { continue };
            let (side, distance) = (measure.side(value), measure.distance(value));
            // What the time of day explains must not make the same at another time look common.
            if !view.knows_the_time()
                && Tail::from(pair[side]).is_beyond(distance)
                && outlook.usual().any(|usual| usual.veto(measure.centre).holds(value))
            {
                continue;
            }
            // A sample above says of those below that there was none.
            let distances = if side == 0 { [distance, 0.0] } else { [0.0, distance] };
            for (packed, distance) in pair.iter_mut().zip(distances) {
                let mut tail = Tail::from(*packed);
                tail.learn(larger(distance, 0.0), weight);
                *packed = tail.into();
            }
        }
        self.seen += 1;
        let seen = self.seen as f64;
        self.kind.learn(value, seen - 1.0);
        let tamed = judgement.tamed(value);
        self.spread.learn((tamed - self.level.of_late()).abs(), seen);
        self.level.learn(value, tamed, seen, weight);
        let plain = if self.long.len() > 0 { self.long.median(&self.lists.long()) } else { value };
        self.day.learn(DAY, self.lists.day_mut(), outlook.within[0], value, outlook.day, plain);
        self.week.learn(WEEK, self.lists.week_mut(), outlook.within[1], value, outlook.week, plain);
        let most_stride = LONG_MS / self.clock.step_ms() / LONG as f64;
        self.long.push(self.lists.long_mut(), value, most_stride);
        self.recent.push(self.lists.recent_mut(), value, 1.0);
        self.change.learn(value, self.seen, self.recent.median_of_newest(&self.lists.recent()));
        self.range.learn(value);
    }

    /// Keeps what the sentence about an anomalous sample needs and learning replaces.
    fn compared(&self, value: f64, outlook: &Outlook, judgement: &Judgement) -> Option<Said> {
        let view = judgement.spoke?;
        let compared = match view {
            View::Change => (self.change.before(), value),
            View::Level => (self.level.before(), self.level.with(value)),
            View::Spread => (self.spread.before(), self.spread.with((value - self.level.of_late()).abs())),
            View::Recent | View::Long | View::Day | View::Week | View::Range => (0.0, 0.0),
        };
        let centre = match outlook.measures[view as usize] {
            Some(measure) if view != View::Range => measure.centre,
            _ => outlook.level,
        };
        let range = (self.range.low(), self.range.high());
        Some(Said::by(view, (centre, judgement.reach), compared, range, self.clock.known_ms()))
    }

    /// The sentence about the last anomalous sample.
    pub(crate) fn sentence(&self, value: f64, verdict: &Verdict) -> Option<String> {
        let setting = Setting {
            recent_ms: self.recent.reach() * self.clock.step_ms(),
            long_ms: self.long.reach() * self.clock.step_ms(),
            whole: self.kind.is_whole(),
            sparse: self.kind.is_sparse(),
            counter: self.kind.is_counter(self.seen),
        };
        self.said.map(|said| said.sentence(value, verdict, &setting))
    }

    /// Whether bytes that could be read belong to these settings, and nothing in them leads out of a list. Asked on every
    /// call, so numbers are not looked at: a checksum stands guard over them, and no number can do worse than judge badly.
    pub(crate) fn is_sound(&self) -> bool {
        self.lists.are_sound()
            && self.recent.is_sound(RECENT)
            && self.long.is_sound(LONG)
            && self.day.is_sound(DAY)
            && self.week.is_sound(WEEK)
    }
}
