//! The promises of the contract, tried without a line being written for it: which settings a guest is tried with, and how
//! much of it where it hangs.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_guest::testing::contract::{self, Another, Check, Trial};
use tidegate_guest::testing::policy_cases::PolicySubject;
use tidegate_guest::testing::policy_contract::{self, PolicyTrial};
use tidegate_guest::testing::{Ending, Fault, Subject};
use tidegate_guest::{ActionInfo, Incident};
use tidegate_sandbox::Guest;

use super::cases::Example;
use super::report::GuestReport;
use super::{Run, Tested};
use crate::subject::Opener;

/// When the samples begin: 2023-11-14, twenty seconds past a minute.
const START: i64 = 1_700_000_000_000;

/// The step where no case names one.
const STEP_MS: u64 = 60_000;

/// Least and most samples of the ordinary series. The most is two weeks of minutes: a guest that judges later than that is
/// tried without verdicts, and told so.
const SAMPLES: std::ops::RangeInclusive<u64> = 300..=20_160;

/// After so many calls that took too long, the remaining checks are skipped: each would only wait again.
const PATIENCE: u32 = 2;

const HUNG: &str = "calls of earlier checks did not end in time";

/// How a guest is opened to be tried.
struct Setting {
    settings: Value,
    step_ms: u64,
    actions: Vec<ActionInfo>,
    incident: Option<Incident>,
    /// Where that comes from, for people.
    from: String,
}

impl Setting {
    fn of(example: &Example) -> Self {
        Setting {
            settings: example.settings.clone(),
            step_ms: example.step_ms,
            actions: example.actions.clone(),
            incident: example.incident.clone(),
            from: format!("of the case {}", example.case),
        }
    }
}

/// The guest's own defaults if it has them, else what the first case that opens is opened with.
fn choose(
    guest: &Guest,
    examples: &[Example],
    defaults: Setting,
    mut opens: impl FnMut(&Setting) -> Result<(), Fault>,
) -> Result<Setting, Ending> {
    let mut refused = match guest.check_settings(&defaults.settings) {
        Ok(()) => match opens(&defaults) {
            Ok(()) => return Ok(defaults),
            Err(fault) => fault.to_string(),
        },
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    for setting in examples.iter().map(Setting::of) {
        match opens(&setting) {
            Ok(()) => return Ok(setting),
            Err(fault) => refused = format!("{refused}\nnor with the settings {}: {fault}", setting.from),
        }
    }
    let hint = if examples.is_empty() { "\nwrite a case with settings that do" } else { "" };
    Err(Ending::Error(format!(
        "cannot hold the guest against the contract, it does not open without settings: {refused}{hint}"
    )))
}

/// One error in the place of all checks that were wanted.
fn not_opened(run: &mut Run<'_>, checks: &[&str], ending: Ending) {
    let wanted = checks.iter().filter(|check| run.wants(&format!("contract/{check}"))).count();
    if wanted > 0 {
        run.note(Tested::new(run.name, "contract", "", None, ending, Duration::ZERO));
    }
}

pub(super) fn detector(
    run: &mut Run<'_>,
    guest: &Guest,
    opener: &Opener,
    examples: &[Example],
    report: &mut GuestReport,
) {
    let defaults = Setting {
        settings: json!({}),
        step_ms: STEP_MS,
        actions: vec![],
        incident: None,
        from: "by default".to_owned(),
    };
    let opens = |setting: &Setting| opener.detector(&setting.settings, setting.step_ms).map(drop);
    let setting = match choose(guest, examples, defaults, opens) {
        Ok(setting) => setting,
        Err(ending) => return not_opened(run, &contract::CHECKS.map(|check| check.name), ending),
    };
    report.settings = format!("{}, a sample every {} ms, {}", setting.settings, setting.step_ms, setting.from);
    let mut subject = match opener.detector(&setting.settings, setting.step_ms) {
        Ok(subject) => subject,
        Err(fault) => {
            return not_opened(
                run,
                &contract::CHECKS.map(|check| check.name),
                Ending::Error(format!("open, a second time: {fault}")),
            );
        }
    };
    let wanted = subject.needs().min_samples.saturating_add(*SAMPLES.start()).min(*SAMPLES.end());
    let ordinary = contract::ordinary(START, setting.step_ms, usize::try_from(wanted).unwrap_or(usize::MAX));
    let mut another =
        || -> Result<Box<dyn Subject>, Fault> { Ok(Box::new(opener.detector(&setting.settings, setting.step_ms)?)) };
    let another: &mut Another<'_> = &mut another;
    let mut trial = Trial::new(&mut subject, another, ordinary, setting.step_ms);
    let before = opener.timed_out();
    for check in contract::CHECKS {
        let Check { name, what, .. } = check;
        let name = format!("contract/{name}");
        if opener.timed_out() - before >= PATIENCE {
            run.skip(&name, what, HUNG);
        } else {
            run.test(&name, what, None, || (check.run(&mut trial), None));
        }
    }
}

pub(super) fn policy(
    run: &mut Run<'_>,
    guest: &Guest,
    opener: &Opener,
    examples: &[Example],
    report: &mut GuestReport,
) {
    let offered = |name: &str| ActionInfo {
        name: name.to_owned(),
        summary: "Restarts it".to_owned(),
        arguments_schema: "{}".to_owned(),
    };
    let defaults = Setting {
        settings: json!({}),
        step_ms: 0,
        actions: vec![offered("restart"), offered("page")],
        incident: examples.iter().find_map(|example| example.incident.clone()),
        from: "by default".to_owned(),
    };
    let opens = |setting: &Setting| opener.policy(&setting.settings, &setting.actions).map(drop);
    let setting = match choose(guest, examples, defaults, opens) {
        Ok(setting) => setting,
        Err(ending) => return not_opened(run, &policy_contract::CHECKS.map(|check| check.name), ending),
    };
    let names: Vec<&str> = setting.actions.iter().map(|action| action.name.as_str()).collect();
    report.settings = format!("{}, offered {}, {}", setting.settings, names.join(", "), setting.from);
    let mut open = |actions: &[ActionInfo]| -> Result<Box<dyn PolicySubject>, Fault> {
        Ok(Box::new(opener.policy(&setting.settings, actions)?))
    };
    let mut trial = PolicyTrial::new(&mut open, setting.actions.clone(), setting.incident.clone());
    let before = opener.timed_out();
    for check in policy_contract::CHECKS {
        let name = format!("contract/{}", check.name);
        if opener.timed_out() - before >= PATIENCE {
            run.skip(&name, check.what, HUNG);
        } else {
            run.test(&name, check.what, None, || (check.run(&mut trial), None));
        }
    }
}
