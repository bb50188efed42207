//! The runbook policy: rules from label matchers and severity to an action, first match wins; the next rule when an
//! attempt did not help.
//!
//! This module holds the settings and the choice among rules; `rule` knows when one rule applies and what it proposes.

mod labels;
mod matcher;
mod rule;
mod template;

use labels::Labels;
use rule::{Rule, RuleSettings};
use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{ActionInfo, Attempt, Decision, Error, Incident, Outcome, Policy};

/// What a user can set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to do about which incident. The first rule that applies is proposed; when its attempt was ineffective,
    /// failed or denied, the next one that applies.
    #[schemars(length(min = 1))]
    rules: Vec<RuleSettings>,
}

/// The configured policy.
#[derive(Debug)]
pub struct Runbook {
    rules: Vec<Rule>,
}

/// Reasons are read by people: so many rules are explained one by one.
const RULES_EXPLAINED: usize = 10;

impl Policy for Runbook {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Rules from labels and severity to an action; the next rule when one did not help.";
    type Settings = Settings;

    fn open(settings: Settings, actions: Vec<ActionInfo>) -> Result<Self, Error> {
        if settings.rules.is_empty() {
            return Err(Error::InvalidSettings("rules: is empty; write at least one rule with an action".to_owned()));
        }
        let rules = settings
            .rules
            .into_iter()
            .enumerate()
            .map(|(index, rule)| Rule::new(rule, &actions).map_err(|why| format!("rules[{index}].{why}")))
            .collect::<Result<_, String>>()
            .map_err(Error::InvalidSettings)?;
        Ok(Runbook { rules })
    }

    fn propose(&self, incident: &Incident) -> Result<Decision, Error> {
        let labels = Labels::of(incident);
        let tried = self.tried(incident, &labels);

        let mut passed_over = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let name = || format!("rule {} ({})", index + 1, rule.action());
            let proposal = match &tried[index] {
                Some(attempt) => Err(ended(attempt)),
                None => rule.applies(&labels, incident).and_then(|()| rule.propose(&labels)),
            };
            match proposal {
                Ok(proposal) => {
                    let before = if passed_over.is_empty() {
                        String::new()
                    } else {
                        format!(" Passed over: {}.", passed_over.join("; "))
                    };
                    let why = format!("Rule {} of the runbook is meant for {}.{before}", index + 1, rule.meant_for());
                    return Ok(Decision::Propose(proposal.into_plan(&labels, why)));
                }
                Err(why) => passed_over.push(format!("{} {why}", name())),
            }
        }

        let more = passed_over.len().saturating_sub(RULES_EXPLAINED);
        passed_over.truncate(RULES_EXPLAINED);
        let mut reason = passed_over.join("; ");
        if more > 0 {
            reason.push_str(&format!("; and {more} more rules do not apply"));
        }
        let summary = if tried.iter().any(Option::is_some) { "nothing is left to try" } else { "no rule applies" };
        Ok(Decision::Leave(format!("{summary}: {reason}")))
    }
}

impl Runbook {
    /// For each rule the attempt that used it up, if any.
    ///
    /// An attempt does not name its rule; it belongs to the first one not used up that is meant for these labels and
    /// makes the same proposal. So two equal rules in a row mean "try twice". Severity and what is usual are left out of it,
    /// because they can have changed since. A denied proposal is never made again, by whatever rule.
    fn tried<'a>(&self, incident: &'a Incident, labels: &Labels) -> Vec<Option<&'a Attempt>> {
        let mut tried = vec![None; self.rules.len()];
        for attempt in incident.attempts.iter().filter(|attempt| attempt.this_incident && used_up(attempt.outcome)) {
            let open = |same: &dyn Fn(&Rule) -> bool| -> Vec<usize> {
                (0..self.rules.len())
                    .filter(|&i| tried[i].is_none() && self.rules[i].is_for(labels) && same(&self.rules[i]))
                    .collect()
            };
            let mut candidates = open(&|rule| rule.proposed(attempt, labels));
            if candidates.is_empty() {
                // The host may have written the arguments in another way. Better pass over a rule than repeat it for ever.
                candidates = open(&|rule| rule.action() == attempt.action);
            }
            if attempt.outcome != Outcome::Denied {
                candidates.truncate(1);
            }
            for index in candidates {
                tried[index] = Some(attempt);
            }
        }
        tried
    }
}

/// Whether an attempt that ended like this speaks against trying the same again. What never ran, or whose effect nobody
/// saw, says nothing about the rule; what worked once may work again.
fn used_up(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Ineffective | Outcome::Failed | Outcome::Denied => true,
        Outcome::Fixed | Outcome::Inconclusive | Outcome::Unknown | Outcome::Expired | Outcome::Refused => false,
    }
}

fn ended(attempt: &Attempt) -> String {
    let how = match attempt.outcome {
        Outcome::Denied => "was denied",
        Outcome::Failed => "failed",
        _ => "did not help",
    };
    if attempt.reason.is_empty() { how.to_owned() } else { format!("{how}: {}", attempt.reason) }
}

tidegate_guest::export_policy!(Runbook);
