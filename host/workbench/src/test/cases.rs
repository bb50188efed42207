//! A guest's case files: read for what it is, and run one by one. One that cannot be read is an error of its own, and the
//! others run all the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tidegate_guest::testing::cases::{self, Case};
use tidegate_guest::testing::policy_cases::PolicyCase;
use tidegate_guest::testing::{CaseError, Ending};
use tidegate_guest::{ActionInfo, Incident};
use tidegate_sandbox::GuestKind;

use super::{Run, Tested};
use crate::subject::Opener;

/// One case file.
pub(super) struct File {
    path: PathBuf,
    case: Result<Either, CaseError>,
}

enum Either {
    Detector(Case),
    Policy(PolicyCase),
}

/// What a case says about how a guest can be opened.
pub(super) struct Example {
    pub(super) case: String,
    pub(super) settings: Value,
    pub(super) step_ms: u64,
    pub(super) actions: Vec<ActionInfo>,
    pub(super) incident: Option<Incident>,
}

pub(super) fn read(folder: &Path, kind: GuestKind) -> Result<Vec<File>, String> {
    let paths = cases::files(folder).map_err(|error| error.to_string())?;
    let read = |path: PathBuf| {
        let case = match kind {
            GuestKind::Detector => Case::read(&path).map(Either::Detector),
            GuestKind::Remediation => PolicyCase::read(&path).map(Either::Policy),
        };
        File { path, case }
    };
    Ok(paths.into_iter().map(read).collect())
}

/// The cases of settings that are meant to open.
pub(super) fn examples(files: &[File]) -> Vec<Example> {
    let example = |file: &File| match file.case.as_ref().ok()? {
        Either::Detector(case) if case.refused().is_none() => Some(Example {
            case: case.name().to_owned(),
            settings: case.settings().clone(),
            step_ms: case.step_ms(),
            actions: vec![],
            incident: None,
        }),
        Either::Policy(case) if case.refused().is_none() => Some(Example {
            case: case.name().to_owned(),
            settings: case.settings().clone(),
            step_ms: 0,
            actions: case.actions().to_vec(),
            incident: Some(case.incident().clone()),
        }),
        _ => None,
    };
    files.iter().filter_map(example).collect()
}

pub(super) fn run(run: &mut Run<'_>, opener: &Opener, files: &[File]) {
    for File { path, case } in files {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = format!("cases/{stem}");
        match case {
            Ok(Either::Detector(case)) => run.test(&name, case.what(), Some(path.clone()), || {
                (case.run(|_, step_ms| opener.detector(case.settings(), step_ms)), None)
            }),
            Ok(Either::Policy(case)) => run.test(&name, case.what(), Some(path.clone()), || {
                (case.run(|_, actions| opener.policy(case.settings(), &actions)), None)
            }),
            Err(error) if run.wants(&name) => {
                let ending = Ending::Error(error.to_string());
                let tested = Tested::new(run.name, &name, "", Some(path.clone()), ending, Duration::ZERO);
                run.note(tested);
            }
            Err(_) => {}
        }
    }
}
