//! A detector that misbehaves on purpose, for tests of a host: the settings pick how.
//!
//! It implements the contract below the SDK's adapter, because the adapter would not let it break most promises. With
//! `{"mode": "none"}`, and before `after` samples were seen, it behaves: its state counts samples, every score is 0.

use std::cell::{Cell, RefCell};
use std::hint::black_box;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use tidegate_guest::bindings::detector::exports::tidegate::plugin::detector as contract;
use tidegate_guest::{Error, Manifest, Needs, Samples, Scored, Verdicts, log};

/// What a test can set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How to misbehave.
    mode: Mode,
    /// In `score`: only once so many samples of the series were seen in earlier calls.
    #[serde(default)]
    after: u64,
    /// In `score`: only when the last fresh value is exactly this, so that one series of many is hit.
    #[serde(rename = "when")]
    only_value: Option<f64>,
}

/// The ways to misbehave. Those that name no call do it in `score`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    None,
    /// Never return.
    Loop,
    /// Never return from `open`.
    LoopInOpen,
    /// Allocate memory without end.
    Allocate,
    /// Overflow the stack.
    Recurse,
    /// Panic with a message.
    Panic,
    /// Panic in `open`.
    PanicInOpen,
    /// Verdict columns with one entry too few.
    ShortColumns,
    /// Verdict columns with one entry too many.
    LongColumns,
    /// No verdict at all.
    NoColumns,
    /// Columns of different lengths.
    UnevenColumns,
    /// Negative scores.
    NegativeScore,
    /// Infinite scores.
    InfiniteScore,
    /// A score with NaN for a band.
    NanBand,
    /// A band whose lower edge is above its upper one.
    InvertedBand,
    /// 64 MB of state.
    GiantState,
    /// An empty state after samples, as if they had not been.
    ForgetState,
    /// A note of 16 MB.
    GiantNote,
    /// A note of control characters and terminal escapes.
    RudeNote,
    /// Anomalous, with a long note in which every surface finds something that it must not obey.
    OddNote,
    /// 100,000 messages to the log.
    LogFlood,
    /// One message of 16 MB to the log.
    GiantLog,
    /// Another result on each call: a counter in the instance, not in the state.
    Impure,
    /// Refuse every state but the empty one.
    UnreadableState,
    /// The error that says there is too little data.
    InsufficientData,
    /// An error of its own, with a message of 16 MB.
    InternalError,
    /// Ask for more history than exists.
    GreedyNeeds,
    /// Ask for a year of history, which is allowed.
    YearlyNeeds,
    /// Ask for a thousand years of history.
    MillennialNeeds,
    /// Never return from `needs`.
    LoopInNeeds,
    /// Panic in `needs`.
    PanicInNeeds,
    /// Twice the state of the call before, without end.
    GrowingState,
    /// Keep a megabyte more for each call.
    Leak,
    /// Make models without end and drop none.
    ManyModels,
    /// Break off without a word: no panic, no message.
    Abort,
    /// Panic when the model is dropped.
    PanicInDrop,
}

const MEGABYTE: usize = 1 << 20;
/// Plain words first, so that a reader can be looked for who shows them.
const ODD_NOTE: &str =
    "p99 0.93 s; größer als 0.71 \u{b1} 0.06 <b>&amp; `x` *y* <!channel> \u{202e}\u{1b}[2J\r\n{{.}} ";
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// The exported component.
pub struct Hostile;

/// A configured hostile detector.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    calls: Cell<u64>,
    hoard: RefCell<Vec<Vec<u8>>>,
}

impl Drop for Model {
    fn drop(&mut self) {
        assert!(self.settings.mode != Mode::PanicInDrop, "hostile on purpose, while dropped");
    }
}

impl contract::Guest for Hostile {
    type Model = Model;

    fn describe() -> Manifest {
        Manifest {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Misbehaves on purpose.".to_owned(),
            settings_schema: schema_for!(Settings).as_value().to_string(),
        }
    }
}

impl contract::GuestModel for Model {
    fn open(settings: String, _step_ms: u64) -> Result<contract::Model, Error> {
        log::report_panics();
        let settings: Settings =
            serde_json::from_str(&settings).map_err(|e| Error::InvalidSettings(format!("settings: {e}")))?;
        match settings.mode {
            Mode::LoopInOpen => spin(),
            Mode::PanicInOpen => panic!("hostile on purpose, in open"),
            _ => {}
        }
        Ok(contract::Model::new(Model::new(settings)))
    }

    fn needs(&self) -> Needs {
        let history_ms = match self.settings.mode {
            Mode::GreedyNeeds => return Needs { history_ms: u64::MAX, min_samples: u64::MAX },
            Mode::YearlyNeeds => YEAR_MS,
            Mode::MillennialNeeds => 1000 * YEAR_MS,
            Mode::LoopInNeeds => spin(),
            Mode::PanicInNeeds => panic!("hostile on purpose, in needs"),
            _ => 0,
        };
        Needs { history_ms, min_samples: 0 }
    }

    fn score(&self, state: Vec<u8>, fresh: Samples) -> Result<Scored, Error> {
        let seen = match state.first_chunk() {
            Some(bytes) if state.len() == 8 || self.settings.mode == Mode::GrowingState => u64::from_le_bytes(*bytes),
            _ if state.is_empty() => 0,
            _ => return Err(Error::UnreadableState(format!("state: {} bytes, expected 8", state.len()))),
        };
        self.calls.set(self.calls.get() + 1);
        let mut scored = Scored {
            state: (seen + fresh.values.len() as u64).to_le_bytes().to_vec(),
            verdicts: verdicts(fresh.values.len(), 0.0, 1.0, 0.0, 2.0),
            note: None,
        };
        let now = seen >= self.settings.after
            && self.settings.only_value.is_none_or(|value| fresh.values.last() == Some(&value));
        if now {
            self.misbehave(seen, fresh.values.len(), &state, &mut scored)?;
        }
        Ok(scored)
    }
}

impl Model {
    fn new(settings: Settings) -> Model {
        Model { settings, calls: Cell::default(), hoard: RefCell::default() }
    }

    fn misbehave(&self, seen: u64, len: usize, state: &[u8], scored: &mut Scored) -> Result<(), Error> {
        match self.settings.mode {
            Mode::None | Mode::LoopInOpen | Mode::PanicInOpen | Mode::PanicInDrop => {}
            Mode::GreedyNeeds | Mode::YearlyNeeds | Mode::MillennialNeeds | Mode::LoopInNeeds | Mode::PanicInNeeds => {}
            Mode::Loop => spin(),
            Mode::Allocate => devour(),
            Mode::Recurse => {
                recurse(0);
            }
            Mode::Panic => panic!("hostile on purpose, after {seen} samples"),
            Mode::ShortColumns => scored.verdicts = verdicts(len.saturating_sub(1), 0.0, 1.0, 0.0, 2.0),
            Mode::LongColumns => scored.verdicts = verdicts(len + 1, 0.0, 1.0, 0.0, 2.0),
            Mode::NoColumns => scored.verdicts = verdicts(0, 0.0, 1.0, 0.0, 2.0),
            Mode::UnevenColumns => scored.verdicts.upper.clear(),
            Mode::NegativeScore => scored.verdicts = verdicts(len, -1.0, 1.0, 0.0, 2.0),
            Mode::InfiniteScore => scored.verdicts = verdicts(len, f64::INFINITY, 1.0, 0.0, 2.0),
            Mode::NanBand => scored.verdicts = verdicts(len, 2.0, 1.0, f64::NAN, f64::NAN),
            Mode::InvertedBand => scored.verdicts = verdicts(len, 2.0, 1.0, 2.0, 0.0),
            Mode::GiantState => scored.state = vec![1; 64 * MEGABYTE],
            Mode::ForgetState => scored.state.clear(),
            Mode::GrowingState => scored.state.resize((2 * state.len()).max(8), 0),
            Mode::Leak => self.hoard.borrow_mut().push(vec![1; MEGABYTE]),
            Mode::ManyModels => loop {
                std::mem::forget(contract::Model::new(Model::new(self.settings.clone())));
            },
            Mode::Abort => std::process::abort(),
            Mode::GiantNote => scored.note = Some("n".repeat(16 * MEGABYTE)),
            Mode::RudeNote => scored.note = Some("\u{1b}[2J\u{1b}]0;gone\u{7}\0\r\n<script>\u{202e}".to_owned()),
            Mode::OddNote => {
                scored.verdicts = verdicts(len, 2.0, 1.0, 0.0, 2.0);
                scored.note = Some(ODD_NOTE.repeat(40));
            }
            Mode::LogFlood => (0..100_000).for_each(|i| log::warn(&format!("flood {i}"))),
            Mode::GiantLog => log::error(&"l".repeat(16 * MEGABYTE)),
            Mode::Impure => scored.verdicts = verdicts(len, self.calls.get() as f64, 1.0, 0.0, 2.0),
            Mode::UnreadableState if seen > 0 => {
                return Err(Error::UnreadableState("state: refused on purpose".to_owned()));
            }
            Mode::UnreadableState => {}
            Mode::InsufficientData => return Err(Error::InsufficientData("never enough".to_owned())),
            Mode::InternalError => return Err(Error::Internal("e".repeat(16 * MEGABYTE))),
        }
        Ok(())
    }
}

fn verdicts(len: usize, score: f64, expected: f64, lower: f64, upper: f64) -> Verdicts {
    Verdicts {
        scores: vec![score; len],
        expected: vec![expected; len],
        lower: vec![lower; len],
        upper: vec![upper; len],
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn devour() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; MEGABYTE]);
        black_box(&mut hoard);
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if frame[0] == u64::MAX { 0 } else { recurse(depth + 1).wrapping_add(black_box(frame)[63]) }
}

#[cfg(target_arch = "wasm32")]
tidegate_guest::bindings::detector::export!(Hostile with_types_in tidegate_guest::bindings::detector);
