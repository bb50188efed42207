//! What came of testing guests. Everything in here may be printed: it has been stripped of what a terminal would obey.

use std::path::PathBuf;
use std::time::Duration;

use tidegate_guest::testing::{Ending, contract, policy_contract};
use tidegate_sandbox::{Guest, GuestKind};

use super::Candidate;
use crate::text::plain;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should.
    Pass,
    /// Nothing is broken, and something is worth a look.
    Warn,
    /// It was not tried.
    Skip,
    /// Otherwise than it should.
    Fail,
    /// It could not be told.
    Error,
}

impl Status {
    /// Every way to end.
    pub const ALL: [Status; 5] = [Status::Pass, Status::Warn, Status::Skip, Status::Fail, Status::Error];

    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Warn => "WARN",
            Status::Skip => "SKIP",
            Status::Fail => "FAIL",
            Status::Error => "ERROR",
        }
    }
}

/// One test and how it ended.
#[derive(Debug, Clone)]
pub struct Tested {
    /// `GUEST/cases/CASE`, `GUEST/contract/CHECK` or `GUEST/load`.
    pub name: String,
    /// What it shows, in a sentence.
    pub what: String,
    /// The case's file.
    pub file: Option<PathBuf>,
    /// How it ended.
    pub status: Status,
    /// What was expected and what came; several lines. Empty for a pass.
    pub why: String,
    /// How long it took.
    pub took: Duration,
}

/// Longest explanation of one test. A guest may answer with very much.
const MAX_WHY: usize = 20_000;

impl Tested {
    pub(super) fn new(
        guest: &str,
        name: &str,
        what: &str,
        file: Option<PathBuf>,
        ending: Ending,
        took: Duration,
    ) -> Self {
        let (status, why) = match ending {
            Ending::Pass => (Status::Pass, String::new()),
            Ending::Warn(why) => (Status::Warn, why),
            Ending::Fail(why) => (Status::Fail, why),
            Ending::Error(why) => (Status::Error, why),
        };
        let name = plain(&format!("{guest}/{name}"), 500);
        Tested { name, what: plain(what, 1_000), file, status, why: plain(&why, MAX_WHY), took }
    }

    pub(super) fn skipped(guest: &str, name: &str, what: &str, why: &str) -> Self {
        let mut tested = Self::new(guest, name, what, None, Ending::Pass, Duration::ZERO);
        (tested.status, tested.why) = (Status::Skip, plain(why, MAX_WHY));
        tested
    }
}

/// Whether a guest is a function of what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purity {
    /// Every check of it passed.
    Pure,
    /// One did not, and why.
    Impure(String),
    /// Not all of them ran.
    Untold,
}

/// What came of one guest.
#[derive(Debug, Clone)]
pub struct GuestReport {
    /// What it is called.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The folder of its cases, where it has one.
    pub cases: Option<PathBuf>,
    /// How many cases there are in it.
    pub cases_found: usize,
    /// What it is; unknown where it did not load.
    pub kind: Option<GuestKind>,
    /// Its own version.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// What it was opened with to hold it against the contract, and where that comes from.
    pub settings: String,
    /// Whether it is pure.
    pub purity: Purity,
    /// Its tests, in the order in which they ran.
    pub tests: Vec<Tested>,
    /// How many tests were left out.
    pub filtered: usize,
}

impl GuestReport {
    pub(super) fn of(candidate: &Candidate<'_>) -> Self {
        GuestReport {
            name: plain(candidate.name, 500),
            file: candidate.file.to_owned(),
            cases: candidate.cases.map(PathBuf::from),
            cases_found: 0,
            kind: None,
            version: String::new(),
            digest: String::new(),
            settings: String::new(),
            purity: Purity::Untold,
            tests: Vec::new(),
            filtered: 0,
        }
    }

    pub(super) fn describe(&mut self, guest: &Guest) {
        self.kind = Some(guest.kind());
        self.version = guest.manifest().version.clone();
        self.digest = guest.digest().to_owned();
    }

    /// Draws the conclusion about purity from the checks of it.
    pub(super) fn settle(&mut self) {
        let checks: &[&str] = match self.kind {
            Some(GuestKind::Detector) => &contract::PURITY,
            Some(GuestKind::Remediation) => &policy_contract::PURITY,
            None => return,
        };
        let of_purity: Vec<&Tested> = checks
            .iter()
            .filter_map(|check| self.tests.iter().find(|test| test.name.ends_with(&format!("/contract/{check}"))))
            .collect();
        let broken = of_purity.iter().find(|test| test.status == Status::Fail);
        self.purity = match broken {
            Some(test) => Purity::Impure(test.why.lines().next().unwrap_or_default().to_owned()),
            None if of_purity.len() == checks.len() && of_purity.iter().all(|test| test.status == Status::Pass) => {
                Purity::Pure
            }
            None => Purity::Untold,
        };
    }
}

/// What came of all guests.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Guest by guest.
    pub guests: Vec<GuestReport>,
    /// How long it took altogether.
    pub took: Duration,
}

impl Report {
    /// Every test of every guest.
    pub fn tests(&self) -> impl Iterator<Item = &Tested> {
        self.guests.iter().flat_map(|guest| &guest.tests)
    }

    /// How many tests ended like this.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.tests().filter(|test| test.status == status).count()
    }

    /// The exit code: 2 where something could not be told, else 1 where something failed, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.tests().map(|test| test.status).max() {
            Some(Status::Error) => 2,
            Some(Status::Fail) => 1,
            _ => 0,
        }
    }
}
