//! From the guest folder to open guests: every guest that the config names is read, checked, loaded and opened with its
//! settings, and every fault is told with its place in the config. Knows no samples and no incidents.

mod file;
mod kept;
mod looks;
mod remedies;
mod unnamed;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tidegate_domain::arguments;
use tidegate_pipeline::scorer::Configured;
use tidegate_sandbox::{ActionOffer, Detector, Guest, GuestKind, OpenError, Policy, Sandbox, SettingsError};

use crate::config::{
    Config, ConfigErrors, DetectorConfig, Finding, Findings, GuestConfig, Remediation, SecondOpinion, Spot,
};

pub(crate) use kept::keep;
pub(crate) use looks::{Looks, News};
pub(crate) use unnamed::{names_in_folder, read_unnamed, try_unnamed};

/// Everything that the config makes of guests.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadedGuests {
    /// All loaded guests by name.
    pub(crate) guests: BTreeMap<String, Guest>,
    /// The detectors of each watch, by its name; in the order of the watch.
    pub(crate) detectors: BTreeMap<String, Vec<Configured>>,
    /// The detectors that give second opinions on alerts, in the order of the config.
    pub(crate) second_opinion: Vec<Configured>,
    /// The policies of watches, by the watch's name.
    pub(crate) watch_policies: BTreeMap<String, Policy>,
    /// The policies of alert routes, by the route's name.
    pub(crate) route_policies: BTreeMap<String, Policy>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Finding>,
    /// The bytes of what was loaded just now, to be [kept](keep). By digest.
    pub(crate) contents: BTreeMap<String, Vec<u8>>,
}

/// In what a sound guest may be unfit for the config.
const SETTINGS: &str = "does not take its settings";
const KIND: &str = "is of the wrong kind";

/// What became of a file of the guest folder.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The guest in it, if it is one that may run here.
    pub(crate) guest: Option<Guest>,
    /// SHA-256 of the file, where it could be read whole.
    pub(crate) digest: Option<String>,
    /// Why a sound guest does not do for the config all the same.
    pub(crate) unfit: Option<&'static str>,
}

/// Loads and opens every guest that the config names. Compiles, so it takes its time and blocks.
///
/// # Errors
///
/// Every guest that is missing, not what its pin says, not loadable, or not content with its settings.
pub(crate) fn build_guests(config: &Config, sandbox: &Sandbox) -> Result<LoadedGuests, ConfigErrors> {
    try_guests(config, sandbox).1
}

/// As [`build_guests`], and tells of each guest that the config names what became of it.
pub(crate) fn try_guests(
    config: &Config,
    sandbox: &Sandbox,
) -> (BTreeMap<String, Tried>, Result<LoadedGuests, ConfigErrors>) {
    Builder::new(config, sandbox, None).build()
}

/// Puts new content in the place of one guest, and leaves all others as they run.
///
/// # Errors
///
/// Everything for which the content cannot take that place, not with every one of its configured settings.
pub(crate) fn swap_guest(
    config: &Config,
    sandbox: &Sandbox,
    running: &LoadedGuests,
    name: &str,
    wasm: &[u8],
) -> Result<LoadedGuests, ConfigErrors> {
    Builder::new(config, sandbox, Some(Swap { running, name, wasm })).build().1
}

/// How many bytes a guest may have.
pub(crate) fn limit_of(config: &Config, name: &str) -> usize {
    config.guests.get(name).map_or_else(|| GuestConfig::default().limits.max_wasm_bytes, |g| g.limits.max_wasm_bytes)
}

/// New content for one guest, while the others run.
#[derive(Clone, Copy)]
struct Swap<'a> {
    running: &'a LoadedGuests,
    name: &'a str,
    wasm: &'a [u8],
}

struct Builder<'a> {
    config: &'a Config,
    sandbox: &'a Sandbox,
    swap: Option<Swap<'a>>,
    findings: Findings,
    /// Named guests; without one where it could not be had, which has been told once.
    tried: BTreeMap<String, Tried>,
    /// By name and step: watches that share both share its instances.
    opened: BTreeMap<(String, Duration), Option<Detector>>,
    /// Why guests are unfit, by name.
    unfit: BTreeMap<String, &'static str>,
    contents: BTreeMap<String, Vec<u8>>,
}

impl<'a> Builder<'a> {
    fn new(config: &'a Config, sandbox: &'a Sandbox, swap: Option<Swap<'a>>) -> Builder<'a> {
        Builder {
            config,
            sandbox,
            swap,
            findings: Findings::default(),
            tried: BTreeMap::new(),
            opened: BTreeMap::new(),
            unfit: BTreeMap::new(),
            contents: BTreeMap::new(),
        }
    }

    fn build(mut self) -> (BTreeMap<String, Tried>, Result<LoadedGuests, ConfigErrors>) {
        let config = self.config;
        let mut loaded = LoadedGuests::default();
        for (name, detector) in &config.detectors {
            self.check_detector(name, detector);
        }
        for watch in &config.watches {
            let rules = config.rules.watches.get(&watch.name);
            let names = rules.map(|rules| rules.detectors.as_slice()).unwrap_or_default();
            let detectors = names.iter().filter_map(|name| self.configured(name, watch.step)).collect();
            loaded.detectors.insert(watch.name.clone(), detectors);
            if let (Some(remediation), Some(rules)) = (&watch.remediation, rules) {
                let running = self.swap.and_then(|swap| swap.running.watch_policies.get(&watch.name));
                let policy = self.policy(remediation, &rules.actions, running);
                loaded.watch_policies.extend(policy.map(|policy| (watch.name.clone(), policy)));
            }
        }
        if let Some(opinion) = &config.second_opinion {
            let detectors = opinion.detectors.iter().filter_map(|name| self.configured(name, opinion.step));
            loaded.second_opinion = detectors.collect();
            self.warn_of_short_history(opinion, &loaded.second_opinion);
        }
        for (route, rules) in config.routes.iter().zip(&config.rules.routes) {
            if let Some(remediation) = &route.remediation {
                let running = self.swap.and_then(|swap| swap.running.route_policies.get(&route.name));
                let policy = self.policy(remediation, &rules.actions, running);
                loaded.route_policies.extend(policy.map(|policy| (route.name.clone(), policy)));
            }
        }
        self.warn_of_unused();
        for (name, tried) in &mut self.tried {
            tried.unfit = self.unfit.get(name).copied();
        }
        loaded.contents = self.contents;
        let guests = self.tried.iter();
        loaded.guests = guests.filter_map(|(name, tried)| Some((name.clone(), tried.guest.clone()?))).collect();
        let outcome = self.findings.into_result().map(|warnings| LoadedGuests { warnings, ..loaded });
        (self.tried, outcome)
    }

    fn spot(&self, path: &[&str]) -> Spot {
        self.config.locator.spot(path)
    }

    /// Where a detector's guest is named. One that is implied is named nowhere: what uses it is.
    fn spot_of_guest(&self, name: &str, detector: &DetectorConfig) -> Spot {
        match &detector.implied_by {
            Some(user) => self.spot(&user.iter().map(String::as_str).collect::<Vec<_>>()),
            None => self.spot(&["detector", name, "guest"]),
        }
    }

    /// Whether this guest stays as it runs.
    fn stays(&self, guest: &str) -> bool {
        self.swap.is_some_and(|swap| swap.name != guest)
    }

    /// A detector of a watch, opened for its step.
    fn configured(&mut self, name: &str, step: Duration) -> Option<Configured> {
        let detector = self.config.detectors.get(name)?;
        let (key, model) = ((name.to_owned(), step), model(&detector.guest, &detector.settings, step));
        let opened = match self.opened.get(&key) {
            Some(opened) => opened.clone(),
            None => {
                let stays = self.swap.filter(|_| self.stays(&detector.guest));
                let running = stays.and_then(|swap| swap.running(name, &model));
                let opened = running.or_else(|| self.open_detector(name, step));
                self.opened.insert(key, opened.clone());
                opened
            }
        };
        Some(Configured { name: name.to_owned(), model, detector: opened? })
    }

    fn policy(&mut self, remediation: &Remediation, actions: &[String], running: Option<&Policy>) -> Option<Policy> {
        let stays = self.stays(&remediation.guest);
        running.filter(|_| stays).cloned().or_else(|| self.open_policy(remediation, actions))
    }

    /// Loads a guest when it is named for the first time, at `spot`.
    fn guest(&mut self, name: &str, spot: &Spot) -> Option<Guest> {
        if let Some(known) = self.tried.get(name) {
            return known.guest.clone();
        }
        let tried = match self.swap {
            Some(swap) if swap.name != name => {
                let guest = swap.running.guests.get(name).cloned();
                Tried { digest: guest.as_ref().map(|guest| guest.digest().to_owned()), guest, unfit: None }
            }
            Some(swap) => self.load(name, swap.wasm.to_vec(), spot),
            None => match self.read(name, spot) {
                Some(wasm) => self.load(name, wasm, spot),
                None => Tried { guest: None, digest: None, unfit: None },
            },
        };
        let guest = tried.guest.clone();
        self.tried.insert(name.to_owned(), tried);
        guest
    }

    fn read(&self, name: &str, spot: &Spot) -> Option<Vec<u8>> {
        let limit = limit_of(self.config, name);
        let file = self.config.server.guest_dir.join(format!("{name}.wasm"));
        match file::read_up_to(&file, limit) {
            Ok(wasm) => return Some(wasm),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("there is no guest {name:?}: {} does not exist", file.display());
                self.findings.error(spot, what, remedies::of_absence(name, &names_in_folder(self.config)));
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let what = format!("{} is larger than the {limit} bytes allowed", file.display());
                self.findings.error(spot, what, format!("use a smaller build, or set max_wasm_size in [guest.{name}]"));
            }
            Err(error) => {
                let what = format!("cannot read the guest in {}: {error}", file.display());
                self.findings.error(spot, what, "let this program's user read the file");
            }
        }
        None
    }

    fn load(&mut self, name: &str, wasm: Vec<u8>, spot: &Spot) -> Tried {
        let defaults = GuestConfig::default();
        let special = self.config.guests.get(name).unwrap_or(&defaults);
        let digest = tidegate_sandbox::digest(&wasm);
        let mut tried = Tried { guest: None, digest: Some(digest.clone()), unfit: None };
        // Before anything is made of it: whoever pins a guest wants no other to be looked at.
        if let Some(pin) = special.sha256.as_ref().filter(|pin| **pin != digest) {
            let file = self.config.server.guest_dir.join(format!("{name}.wasm"));
            let what = format!("{} has the digest {digest}, not {pin}", file.display());
            let remedy = "put the pinned file back, or pin this one if you know where it comes from";
            self.findings.error(&self.spot(&["guest", name, "sha256"]), what, remedy);
            return tried;
        }
        match self.sandbox.load(name, &wasm, &special.limits, &special.grants) {
            Ok(guest) => {
                self.contents.insert(digest, wasm);
                tried.guest = Some(guest);
            }
            Err(error) => self.findings.error(spot, error.to_string(), remedies::of_refusal(&error, name)),
        }
        tried
    }

    /// What can be said of a detector without knowing a watch that uses it.
    fn check_detector(&mut self, name: &str, detector: &DetectorConfig) {
        let spot = self.spot_of_guest(name, detector);
        let Some(guest) = self.guest(&detector.guest, &spot) else { return };
        if guest.kind() != GuestKind::Detector {
            self.unfit.insert(guest.name().to_owned(), KIND);
            let what = format!("guest {:?} is a {}, and a detector is wanted here", guest.name(), guest.kind());
            self.findings.error(&spot, what, "name a guest that is a detector");
            return;
        }
        if let Err(errors) = guest.check_settings(&detector.settings) {
            self.unfit.insert(guest.name().to_owned(), SETTINGS);
            self.refuse_settings(&["detector", name, "settings"], &guest, &errors);
        }
    }

    fn open_detector(&mut self, name: &str, step: Duration) -> Option<Detector> {
        let detector = self.config.detectors.get(name)?;
        let guest = self.guest(&detector.guest, &self.spot_of_guest(name, detector))?;
        match guest.open_detector(&detector.settings, step) {
            Ok(detector) => Some(detector),
            // Told by `check_detector` already, once for all watches.
            Err(OpenError::Settings { .. } | OpenError::WrongKind { .. }) => None,
            Err(error @ OpenError::Call { .. }) => {
                self.unfit.insert(guest.name().to_owned(), SETTINGS);
                let spot = self.spot(&["detector", name, "settings"]);
                let what = format!("with a step of {}: {error}", tidegate_domain::time::format_duration(step));
                self.findings.error(&spot, what, "change the settings as the guest says");
                None
            }
        }
    }

    fn open_policy(&mut self, remediation: &Remediation, actions: &[String]) -> Option<Policy> {
        let path: Vec<&str> = remediation.path.iter().map(String::as_str).collect();
        let spot = self.spot(&[path.as_slice(), &["guest"]].concat());
        let guest = self.guest(&remediation.guest, &spot)?;
        let settings: Vec<&str> = [path.as_slice(), &["settings"]].concat();
        match guest.open_policy(&remediation.settings, &self.offers(actions)) {
            Ok(policy) => Some(policy),
            Err(OpenError::Settings { errors, .. }) => {
                self.unfit.insert(guest.name().to_owned(), SETTINGS);
                self.refuse_settings(&settings, &guest, &errors);
                None
            }
            Err(error @ OpenError::WrongKind { .. }) => {
                self.unfit.insert(guest.name().to_owned(), KIND);
                self.findings.error(&spot, error.to_string(), "name a guest that is a remediation policy");
                None
            }
            Err(error @ OpenError::Call { .. }) => {
                self.unfit.insert(guest.name().to_owned(), SETTINGS);
                self.findings.error(&self.spot(&settings), error.to_string(), "change the settings as the guest says");
                None
            }
        }
    }

    fn offers(&self, names: &[String]) -> Vec<ActionOffer> {
        let actions = names.iter().filter_map(|name| self.config.rules.actions.get(name));
        actions
            .map(|action| ActionOffer {
                name: action.name.clone(),
                summary: action.summary.clone(),
                arguments_schema: arguments::schema(&action.arguments),
            })
            .collect()
    }

    fn refuse_settings(&self, path: &[&str], guest: &Guest, errors: &[SettingsError]) {
        for error in errors {
            let below: Vec<&str> = error.path.split('/').filter(|part| !part.is_empty()).collect();
            let spot = self.spot(&[path, &below].concat());
            self.findings.error(&spot, error.message.clone(), remedies::of_setting(guest, &below));
        }
    }

    /// A detector that is never shown enough never knows what is usual.
    fn warn_of_short_history(&self, opinion: &SecondOpinion, detectors: &[Configured]) {
        let held = opinion.history.as_millis() / opinion.step.as_millis().max(1);
        for Configured { name, detector, .. } in detectors {
            let wanted = detector.needs().min_samples;
            if held < u128::from(wanted) {
                let [history, step] = [opinion.history, opinion.step].map(tidegate_domain::time::format_duration);
                let what = format!("{name} needs {wanted} samples, and {history} in steps of {step} are {held}");
                self.findings.warning(&self.spot(&["second_opinion", "history"]), what, "make it longer");
            }
        }
    }

    fn warn_of_unused(&self) {
        for name in self.config.guests.keys().filter(|name| !self.tried.contains_key(*name)) {
            let remedy = "name it in a [detector.NAME] or a remediation, or take the table out";
            self.findings.warning(&self.spot(&["guest", name]), "nothing uses this guest", remedy);
        }
    }
}

/// What the states of a detector depend on besides the version of its guest.
fn model(guest: &str, settings: &Value, step: Duration) -> String {
    // Keys of a JSON object are in order here, so equal settings are equal texts.
    serde_json::json!([guest, settings, step.as_millis().to_string()]).to_string()
}

impl Swap<'_> {
    /// A detector as it runs.
    fn running(&self, name: &str, model: &str) -> Option<Detector> {
        let mut all = self.running.detectors.values().flatten().chain(&self.running.second_opinion);
        all.find(|known| known.name == name && known.model == model).map(|known| known.detector.clone())
    }
}

#[cfg(test)]
mod tests;
