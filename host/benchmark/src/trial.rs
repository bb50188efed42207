//! One detector over one series: opened as it is shipped, in a watch that leaves out what can be left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tidegate_domain::defaults;
use tidegate_pipeline::rehearsal::{Rehearsed, rehearse};
use tidegate_pipeline::scorer::{Configured, ScoreError, Scorer};
use tidegate_pipeline::sounding::History;
use tidegate_sandbox::{CallError, Detector, Grants, Guest, GuestError, Limits, OpenError, Sandbox, Scored};

use crate::data::Series;

/// A detector on trial.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name, which is the guest's.
    pub name: String,
    guest: Guest,
}

/// Calls that brought no answer, by kind: how many, and what the first of them said.
pub type Failures = BTreeMap<&'static str, (u64, String)>;

impl Candidate {
    /// Loads a component, named by its file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no guest that may run here without a grant.
    pub fn load(sandbox: &Sandbox, file: &Path) -> anyhow::Result<Candidate> {
        let name = file.file_stem().and_then(|stem| stem.to_str());
        let name = name.with_context(|| format!("{}: the name of a guest must be UTF-8", file.display()))?;
        let wasm = std::fs::read(file).with_context(|| format!("cannot read {}; is it built?", file.display()))?;
        let guest = sandbox.load(name, &wasm, &Limits::default(), &Grants::default())?;
        Ok(Candidate { name: name.to_owned(), guest })
    }

    /// Opens it without settings, for series with this step. What it refuses comes back as text: at this step it cannot be
    /// used as it is shipped.
    ///
    /// # Errors
    ///
    /// When it fails instead of refusing.
    pub fn open(&self, step: Duration) -> anyhow::Result<Result<Detector, String>> {
        match self.guest.open_detector(&json!({}), step) {
            Ok(detector) => Ok(Ok(detector)),
            Err(OpenError::Call { error: CallError::Guest(GuestError::InvalidSettings(why)), .. }) => Ok(Err(why)),
            Err(error) => bail!(error),
        }
    }

    /// Plays a series to a watch that has nothing but this detector.
    pub fn play(&self, detector: &Detector, series: &Series, history: History<'_>) -> (Vec<Rehearsed>, Failures) {
        let names = vec![self.name.clone()];
        let watch = defaults::watch(series.name.clone(), series.step, names, [self.name.as_str()]);
        let failures = Arc::default();
        let configured = Configured { name: self.name.clone(), detector: detector.clone(), model: self.name.clone() };
        let heard = Heard { configured, failures: Arc::clone(&failures) };
        let played = rehearse(watch, vec![Box::new(heard)], history);
        (played, std::mem::take(&mut *failures.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A detector of which every failure is heard. The pipeline counts those that matter; here none is meant to happen.
struct Heard {
    configured: Configured,
    failures: Arc<Mutex<Failures>>,
}

impl Scorer for Heard {
    fn name(&self) -> &str {
        self.configured.name()
    }

    fn digest(&self) -> &str {
        self.configured.digest()
    }

    fn model(&self) -> &str {
        self.configured.model()
    }

    fn history(&self) -> Duration {
        self.configured.history()
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        let answer = self.configured.score(state, timestamps, values);
        if let Err(error) = &answer {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.entry(error.kind).or_insert_with(|| (0, error.text.clone())).0 += 1;
        }
        answer
    }
}
