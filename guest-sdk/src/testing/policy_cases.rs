//! Test cases of policies as JSON files: settings, the actions on offer, an incident, and what must be answered.
//!
//! `docs/cases.md` describes the format; [`schema`] is its JSON Schema.

mod format;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use self::format::{Expect, File, PlanPart};
use super::answers::Answers;
use super::cases::failure;
use super::{CaseError, Ending, Fault, file};
use crate::{ActionInfo, Decision, Error, Incident, Plan};

pub use self::format::incident;

/// A configured policy, native or behind a host.
pub trait PolicySubject {
    /// One question, as in the contract; what the policy asks Prometheus is answered from `answers`.
    ///
    /// # Errors
    /// The policy's own error, or why there is no answer.
    fn propose(&mut self, incident: &Incident, answers: &Answers) -> Result<Decision, Fault>;
}

impl<P: crate::Policy> PolicySubject for super::Configured<P> {
    fn propose(&mut self, incident: &Incident, answers: &Answers) -> Result<Decision, Fault> {
        Ok(answers.during(|| super::Configured::propose(self, incident))?)
    }
}

/// One case.
#[derive(Debug)]
pub struct PolicyCase {
    name: String,
    file: File,
    actions: Vec<ActionInfo>,
    incident: Incident,
}

/// The JSON Schema (draft 2020-12) of a policy's case.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value()
}

/// Reads all cases of a folder, in the order of their file names.
///
/// # Errors
/// The file or folder that could not be read, and why; a folder without any case is an error.
pub fn read(folder: &Path) -> Result<Vec<PolicyCase>, String> {
    file::all(folder, PolicyCase::read)
}

impl PolicyCase {
    /// Reads one case.
    ///
    /// # Errors
    /// The file, line and key at fault.
    pub fn read(path: &Path) -> Result<PolicyCase, CaseError> {
        let file: File = file::json(path)?;
        let incident =
            file.incident.build().map_err(|(key, what)| CaseError::at(path, format!("incident.{key}"), what))?;
        let actions = file.actions.iter().map(format::Action::build).collect();
        Ok(PolicyCase { name: file::name(path), file, actions, incident })
    }

    /// The name of its file, without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it shows, in one sentence.
    pub fn what(&self) -> &str {
        &self.file.what
    }

    /// What `open` is given.
    pub fn settings(&self) -> &Value {
        &self.file.settings
    }

    /// The actions on offer.
    pub fn actions(&self) -> &[ActionInfo] {
        &self.actions
    }

    /// The incident that the policy is asked about.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// The part of the message with which the settings must be refused, for a case that is about that.
    pub fn refused(&self) -> Option<&str> {
        match &self.file.expect {
            Expect::Refused(part) => Some(part),
            _ => None,
        }
    }

    /// Opens a policy with the settings of this case, asks it, and compares.
    ///
    /// # Errors
    /// What this case shows, and what the policy answered instead.
    pub fn check<S: PolicySubject, E: Into<Fault>>(
        &self,
        open: impl FnMut(&str, Vec<ActionInfo>) -> Result<S, E>,
    ) -> Result<(), String> {
        match self.run(open) {
            Ending::Pass => Ok(()),
            Ending::Warn(why) | Ending::Fail(why) | Ending::Error(why) => {
                Err(format!("case {}: {}\n  {}", self.name, self.file.what, why.replace('\n', "\n  ")))
            }
        }
    }

    /// As [`PolicyCase::check`], telling a policy that answered otherwise from one that did not answer.
    pub fn run<S: PolicySubject, E: Into<Fault>>(
        &self,
        mut open: impl FnMut(&str, Vec<ActionInfo>) -> Result<S, E>,
    ) -> Ending {
        let opened = open(&self.file.settings.to_string(), self.actions.clone()).map_err(Into::into);
        let mut subject = match (opened, self.refused()) {
            (Err(Fault::Guest(Error::InvalidSettings(message))), Some(wanted)) if message.contains(wanted) => {
                return Ending::Pass;
            }
            (Err(fault), Some(wanted)) => {
                return Ending::of_fault(
                    &format!("expected open to refuse the settings with `{wanted}`; open"),
                    &fault,
                );
            }
            (Err(fault), None) => return Ending::of_fault("open", &fault),
            (Ok(_), Some(wanted)) => {
                return Ending::Fail(format!("expected open to refuse the settings with `{wanted}`, and it took them"));
            }
            (Ok(subject), None) => subject,
        };
        let answers =
            Answers::new(self.file.metrics.iter().map(|(expr, answer)| (expr.clone(), answer.build())).collect());
        let ending = compare(&self.file.expect, subject.propose(&self.incident, &answers));
        let unanswered = answers.unanswered();
        if unanswered.is_empty() {
            return ending;
        }
        let asked = format!(
            "the policy asked for what the case has no answer to; write one under `metrics`, be it {{\"error\": \"...\"}}:\n{}",
            unanswered.join("\n")
        );
        match ending {
            Ending::Error(why) => Ending::Error(why),
            Ending::Fail(why) => Ending::Fail(format!("{why}\n{asked}")),
            Ending::Pass | Ending::Warn(_) => Ending::Fail(asked),
        }
    }
}

fn compare(expect: &Expect, answer: Result<Decision, Fault>) -> Ending {
    match (answer, expect) {
        (Ok(Decision::Leave(reason)), Expect::Leave(part)) if reason.contains(part) => Ending::Pass,
        (Ok(Decision::Propose(plan)), Expect::Propose(wanted)) => match plan_differences(wanted, &plan).as_slice() {
            [] => Ending::Pass,
            differences => Ending::Fail(differences.join("\n")),
        },
        (Err(Fault::Guest(error)), Expect::Fails(wanted)) => failure(wanted, &Fault::Guest(error)),
        (Err(fault), expect) => Ending::of_fault(&format!("expected {expect}\ngot     an error"), &fault),
        (Ok(decision), expect) => Ending::Fail(format!("expected {expect}\ngot     {}", written(&decision))),
    }
}

fn plan_differences(wanted: &PlanPart, plan: &Plan) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, expected: &str, got: &str| {
        differences.push(format!("{what}:\n  expected {expected}\n  got      {got}"));
    };
    if let Some(action) = &wanted.action
        && *action != plan.action
    {
        differ("action", action, &plan.action);
    }
    if let Some(arguments) = &wanted.arguments {
        let got = serde_json::from_str::<Value>(&plan.arguments);
        if got.ok().as_ref() != Some(arguments) {
            differ("arguments", &arguments.to_string(), &plan.arguments);
        }
    }
    for (what, part, got) in
        [("summary", &wanted.summary, &plan.summary), ("rationale", &wanted.rationale, &plan.rationale)]
    {
        if !got.contains(part) {
            differ(what, &format!("a text with `{part}`"), got);
        }
    }
    differences
}

fn written(decision: &Decision) -> String {
    match decision {
        Decision::Leave(reason) => format!("leave: {reason}"),
        Decision::Propose(Plan { summary, rationale, action, arguments }) => {
            format!("propose {action} with {arguments}\n        summary: {summary}\n        rationale: {rationale}")
        }
    }
}

/// What stands in a file as an object of names and values.
type Pairs = BTreeMap<String, String>;
