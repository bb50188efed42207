//! Cases as data files, and the promises of the contract, held against a built guest.
//!
//! A case that a guest answers otherwise is a failure. One that could not be told, because it cannot be read or the guest
//! gave no answer to it, is an error; only the checks of the contract are about surviving, and there no answer is a failure.

mod cases;
mod conformance;
mod find;
mod json;
mod junit;
mod report;
mod text;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::Regex;
use tidegate_guest::testing::Ending;
use tidegate_sandbox::{Guest, GuestKind};

use crate::subject::Opener;

pub use find::{Found, NotFound, find};
pub use json::document;
pub use junit::xml;
pub use report::{GuestReport, Purity, Report, Status, Tested};
pub use text::{guest_lines, summary, test_lines};

/// What to run of a guest's tests.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Only tests whose name matches.
    pub only: Option<Regex>,
}

/// One guest to be tested.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// What it is called in the names of its tests.
    pub name: &'a str,
    /// Its file.
    pub file: &'a Path,
    /// Its cases, where there are any.
    pub cases: Option<&'a Path>,
}

/// Runs the tests of one guest. `load` reads and compiles it; `seen` is told each result as it comes.
pub fn run(
    candidate: &Candidate<'_>,
    plan: &Plan,
    load: impl FnOnce() -> Result<Guest, String>,
    seen: &mut dyn FnMut(&Tested),
) -> GuestReport {
    let mut run = Run { name: candidate.name, only: plan.only.as_ref(), tests: Vec::new(), filtered: 0, seen };
    let began = Instant::now();
    let loaded = load();
    let took = began.elapsed();
    let mut report = GuestReport::of(candidate);
    match loaded {
        Err(why) => {
            // Whatever was asked for: without a guest nothing could be tested.
            let ending = Ending::Error(why);
            run.note(Tested::new(candidate.name, "load", "", None, ending, took));
        }
        Ok(guest) => {
            run.test("load", "the guest loads", None, || (Ending::Pass, Some(took)));
            report.describe(&guest);
            let opener = Opener::new(guest.clone());
            let cases = candidate.cases.map(|folder| cases::read(folder, guest.kind()));
            let examples = match cases {
                Some(Ok(cases)) => {
                    report.cases_found = cases.len();
                    cases::run(&mut run, &opener, &cases);
                    cases::examples(&cases)
                }
                Some(Err(why)) => {
                    let folder = candidate.cases.map(Path::to_path_buf);
                    let ending = Ending::Error(why);
                    run.note(Tested::new(candidate.name, "cases", "", folder, ending, Duration::ZERO));
                    Vec::new()
                }
                None => Vec::new(),
            };
            match guest.kind() {
                GuestKind::Detector => conformance::detector(&mut run, &guest, &opener, &examples, &mut report),
                GuestKind::Remediation => conformance::policy(&mut run, &guest, &opener, &examples, &mut report),
            }
        }
    }
    report.filtered = run.filtered;
    report.tests = run.tests;
    report.settle();
    report
}

/// The tests of one guest while they run.
struct Run<'a> {
    name: &'a str,
    only: Option<&'a Regex>,
    tests: Vec<Tested>,
    filtered: usize,
    seen: &'a mut dyn FnMut(&Tested),
}

impl Run<'_> {
    /// Whether a test of this name is to run; one that is not is counted.
    fn wants(&mut self, name: &str) -> bool {
        let wanted = self.only.is_none_or(|only| only.is_match(&format!("{}/{name}", self.name)));
        self.filtered += usize::from(!wanted);
        wanted
    }

    /// Runs one test, if it is wanted, and notes how it ended. It may say itself how long it took.
    fn test(
        &mut self,
        name: &str,
        what: &str,
        file: Option<PathBuf>,
        test: impl FnOnce() -> (Ending, Option<Duration>),
    ) {
        if !self.wants(name) {
            return;
        }
        let began = Instant::now();
        let (ending, took) = test();
        let took = took.unwrap_or_else(|| began.elapsed());
        self.note(Tested::new(self.name, name, what, file, ending, took));
    }

    fn skip(&mut self, name: &str, what: &str, why: &str) {
        if self.wants(name) {
            self.note(Tested::skipped(self.name, name, what, why));
        }
    }

    fn note(&mut self, tested: Tested) {
        (self.seen)(&tested);
        self.tests.push(tested);
    }
}
