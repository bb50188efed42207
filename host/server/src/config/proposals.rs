//! The keys that watches and alert routes share: which policy is asked, what it may propose, what happens to it.

use std::collections::BTreeMap;

use tidegate_domain::rules::{Action, Mode};

use super::Remediation;
use super::error::{Findings, Spot, suggest};
use super::guest::guest_and_settings;
use super::known_event::KnownEvents;
use super::section::{At, Section};

/// Keys of `remediation`.
pub(super) const REMEDIATION_KEYS: &[&str] = &["guest", "settings"];

const MODES: [(&str, Mode); 3] = [("observe", Mode::Observe), ("ask", Mode::Ask), ("auto", Mode::Auto)];

/// What the rest of the config offers a watch or a route.
pub(super) struct Offers<'a> {
    /// Names of detectors, sound or not: a broken one has been objected to where it stands.
    pub(super) detectors: Vec<String>,
    /// The guests of the sound ones, by the detector's name.
    pub(super) guests: BTreeMap<String, String>,
    /// Names of actions, sound or not.
    pub(super) action_names: Vec<String>,
    /// The sound ones.
    pub(super) actions: &'a BTreeMap<String, Action>,
    /// What is expected at times.
    pub(super) known_events: &'a KnownEvents,
    /// True where somebody may decide.
    pub(super) has_deciders: bool,
}

/// The keys as they were read.
#[derive(Clone, Default)]
pub(super) struct Proposals {
    mode: Option<At<Mode>>,
    remediation: Option<At<Remediation>>,
    actions: Option<At<Vec<At<String>>>>,
    dry_run: Option<bool>,
}

/// The keys with their defaults, found to fit together.
pub(super) struct Settled {
    pub(super) mode: Mode,
    pub(super) remediation: Option<Remediation>,
    pub(super) actions: Vec<String>,
    pub(super) dry_run: bool,
}

impl Proposals {
    /// Reads the keys of a table that stands at `path`.
    pub(super) fn read(section: &Section<'_>, path: &[&str]) -> Proposals {
        Proposals {
            mode: section.choice("mode", &MODES),
            remediation: remediation(section, path),
            actions: section.texts("actions"),
            dry_run: section.flag("dry_run").map(|flag| flag.value),
        }
    }

    /// Fills what is left out from `defaults`.
    pub(super) fn or(self, defaults: &Proposals) -> Proposals {
        Proposals {
            mode: self.mode.or_else(|| defaults.mode.clone()),
            remediation: self.remediation.or_else(|| defaults.remediation.clone()),
            actions: self.actions.or_else(|| defaults.actions.clone()),
            dry_run: self.dry_run.or(defaults.dry_run),
        }
    }

    /// Objects to what does not fit together; `owner` is the watch or route.
    pub(super) fn settle(self, owner: &Spot, offers: &Offers<'_>, findings: &Findings) -> Settled {
        let mode = self.mode.as_ref().map_or(Mode::Ask, |mode| mode.value);
        if let Some(remediation) = &self.remediation {
            if self.actions.as_ref().is_none_or(|actions| actions.value.is_empty()) {
                let what = format!("a policy without actions can propose nothing, for {}", owner.key);
                findings.error(&remediation.spot, what, "name what it may propose: actions = [\"restart-service\"]");
            }
            if mode != Mode::Observe && !offers.has_deciders {
                let what = format!("nobody could decide what the policy proposes, for {}", owner.key);
                findings.error(
                    &remediation.spot,
                    what,
                    "add an [[approver]] with role = \"approve\", or set mode = \"observe\"",
                );
            }
        }
        let actions: Vec<At<String>> = self.actions.map(|actions| actions.value).unwrap_or_default();
        for (at, action) in actions.iter().enumerate() {
            if !offers.action_names.contains(&action.value) {
                let remedy = suggest(&action.value, "action", offers.action_names.iter().map(String::as_str));
                findings.error(&action.spot, format!("there is no action {:?}", action.value), remedy);
            }
            if actions[..at].iter().any(|earlier| earlier.value == action.value) {
                findings.error(&action.spot, format!("{:?} is named twice", action.value), "name it once");
            }
        }
        Settled {
            mode,
            remediation: self.remediation.map(|remediation| remediation.value),
            actions: actions.into_iter().map(|action| action.value).collect(),
            dry_run: self.dry_run.unwrap_or(false),
        }
    }
}

fn remediation(section: &Section<'_>, path: &[&str]) -> Option<At<Remediation>> {
    let below = section.section("remediation", Some(REMEDIATION_KEYS))?;
    let (guest, settings) = guest_and_settings(&below)?;
    let path = path.iter().chain(&["remediation"]).map(|part| (*part).to_owned()).collect();
    Some(At { value: Remediation { guest: guest.value, settings, path }, spot: below.spot })
}
