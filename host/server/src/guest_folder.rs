//! From the guest folder to open guests: every guest that the config names is read, checked, loaded and opened with its
//! settings, and every fault is told with its place in the config. Knows no samples and no incidents.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tidegate_domain::arguments;
use tidegate_pipeline::scorer::Configured;
use tidegate_sandbox::{
    ActionOffer, Detector, Guest, GuestKind, LoadError, OpenError, Policy, Sandbox, SettingsError, WhyRefused,
};

use crate::config::{Config, ConfigErrors, Finding, Findings, GuestConfig, Remediation, Spot, suggest};

/// Everything that the config makes of guests.
#[derive(Debug, Default)]
pub(crate) struct LoadedGuests {
    /// All loaded guests by name.
    pub(crate) guests: BTreeMap<String, Guest>,
    /// The detectors of each watch, by its name; in the order of the watch.
    pub(crate) detectors: BTreeMap<String, Vec<Configured>>,
    /// The policies of watches, by the watch's name.
    pub(crate) watch_policies: BTreeMap<String, Policy>,
    /// The policies of alert routes, by the route's name.
    pub(crate) route_policies: BTreeMap<String, Policy>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Finding>,
}

/// Loads and opens every guest that the config names. Compiles, so it takes its time and blocks.
///
/// # Errors
///
/// Every guest that is missing, not what its pin says, not loadable, or not content with its settings.
pub(crate) fn build_guests(config: &Config, sandbox: &Sandbox) -> Result<LoadedGuests, ConfigErrors> {
    let mut builder = Builder { config, sandbox, findings: Findings::default(), guests: BTreeMap::new() };
    let mut loaded = LoadedGuests::default();
    let mut opened = BTreeMap::new();
    for (name, detector) in &config.detectors {
        builder.check_detector(name, &detector.guest);
    }
    for watch in &config.watches {
        let names = config.rules.watches.get(&watch.name).map(|rules| rules.detectors.as_slice()).unwrap_or_default();
        let mut detectors = Vec::new();
        for name in names {
            // Watches that share a detector and a step share its instances.
            let key = (name.clone(), watch.step);
            let detector = opened.entry(key).or_insert_with(|| builder.open_detector(name, watch.step));
            detectors.extend(detector.clone().map(|detector| Configured {
                name: name.clone(),
                model: String::new(),
                detector,
            }));
        }
        loaded.detectors.insert(watch.name.clone(), detectors);
        if let (Some(remediation), Some(rules)) = (&watch.remediation, config.rules.watches.get(&watch.name)) {
            let policy = builder.open_policy(remediation, &rules.actions);
            loaded.watch_policies.extend(policy.map(|policy| (watch.name.clone(), policy)));
        }
    }
    for (route, rules) in config.routes.iter().zip(&config.rules.routes) {
        if let Some(remediation) = &route.remediation {
            let policy = builder.open_policy(remediation, &rules.actions);
            loaded.route_policies.extend(policy.map(|policy| (route.name.clone(), policy)));
        }
    }
    builder.warn_of_unused();
    loaded.guests = builder.guests.into_iter().filter_map(|(name, guest)| Some((name, guest?))).collect();
    loaded.warnings = builder.findings.into_result()?;
    Ok(loaded)
}

struct Builder<'a> {
    config: &'a Config,
    sandbox: &'a Sandbox,
    findings: Findings,
    /// Loaded guests; None for one that could not be, which has been told once.
    guests: BTreeMap<String, Option<Guest>>,
}

impl Builder<'_> {
    fn spot(&self, path: &[&str]) -> Spot {
        self.config.locator.spot(path)
    }

    /// Loads a guest when it is named for the first time, at `spot`.
    fn guest(&mut self, name: &str, spot: &Spot) -> Option<Guest> {
        if let Some(known) = self.guests.get(name) {
            return known.clone();
        }
        let guest = self.load(name, spot);
        self.guests.insert(name.to_owned(), guest.clone());
        guest
    }

    fn load(&self, name: &str, spot: &Spot) -> Option<Guest> {
        let defaults = GuestConfig::default();
        let special = self.config.guests.get(name).unwrap_or(&defaults);
        let file = self.config.server.guest_dir.join(format!("{name}.wasm"));
        let wasm = match read_up_to(&file, special.limits.max_wasm_bytes) {
            Ok(wasm) => wasm,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let there = names_in(&self.config.server.guest_dir);
                let what = format!("there is no guest {name:?}: {} does not exist", file.display());
                self.findings.error(spot, what, suggest(name, "guest", there.iter().map(String::as_str)));
                return None;
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let what =
                    format!("{} is larger than the {} bytes allowed", file.display(), special.limits.max_wasm_bytes);
                self.findings.error(spot, what, format!("use a smaller build, or set max_wasm_size in [guest.{name}]"));
                return None;
            }
            Err(error) => {
                let what = format!("cannot read the guest in {}: {error}", file.display());
                self.findings.error(spot, what, "let this program's user read the file");
                return None;
            }
        };
        let guest = match self.sandbox.load(name, &wasm, &special.limits, &special.grants) {
            Ok(guest) => guest,
            Err(error) => {
                self.findings.error(spot, error.to_string(), remedy_of(&error, name));
                return None;
            }
        };
        if let Some(pin) = special.sha256.as_ref().filter(|pin| *pin != guest.digest()) {
            let spot = self.spot(&["guest", name, "sha256"]);
            let what = format!("{} has the digest {}, not {pin}", file.display(), guest.digest());
            self.findings.error(
                &spot,
                what,
                "put the pinned file back, or pin this one if you know where it comes from",
            );
            return None;
        }
        Some(guest)
    }

    /// What can be said of a detector without knowing a watch that uses it.
    fn check_detector(&mut self, name: &str, guest: &str) {
        let spot = self.spot(&["detector", name, "guest"]);
        let Some(guest) = self.guest(guest, &spot) else { return };
        if guest.kind() != GuestKind::Detector {
            let what = format!("guest {:?} is a {}, and a detector is wanted here", guest.name(), guest.kind());
            self.findings.error(&spot, what, "name a guest that is a detector");
            return;
        }
        let settings = &self.config.detectors[name].settings;
        if let Err(errors) = guest.check_settings(settings) {
            self.refuse_settings(&["detector", name, "settings"], &guest, &errors);
        }
    }

    fn open_detector(&mut self, name: &str, step: Duration) -> Option<Detector> {
        let detector = self.config.detectors.get(name)?;
        let guest = self.guest(&detector.guest, &self.spot(&["detector", name, "guest"]))?;
        match guest.open_detector(&detector.settings, step) {
            Ok(detector) => Some(detector),
            // Told by `check_detector` already, once for all watches.
            Err(OpenError::Settings { .. } | OpenError::WrongKind { .. }) => None,
            Err(error @ OpenError::Call { .. }) => {
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
                self.refuse_settings(&settings, &guest, &errors);
                None
            }
            Err(error @ OpenError::WrongKind { .. }) => {
                self.findings.error(&spot, error.to_string(), "name a guest that is a remediation policy");
                None
            }
            Err(error @ OpenError::Call { .. }) => {
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
            self.findings.error(&spot, error.message.clone(), remedy_of_setting(guest, &below));
        }
    }

    fn warn_of_unused(&self) {
        for name in self.config.guests.keys().filter(|name| !self.guests.contains_key(*name)) {
            let remedy = "name it in a [detector.NAME] or a remediation, or take the table out";
            self.findings.warning(&self.spot(&["guest", name]), "nothing uses this guest", remedy);
        }
    }
}

/// A misspelt setting gets the nearest one; whatever is wrong deeper, only the guest's own documentation can tell.
fn remedy_of_setting(guest: &Guest, below: &[&str]) -> String {
    let known = guest.manifest().settings_schema.get("properties").and_then(Value::as_object);
    let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    match below {
        [name] if !known.contains(name) => suggest(name, "setting", known),
        _ => format!("guest {:?} takes these settings: {}", guest.name(), known.join(", ")),
    }
}

/// Reads a file, and of one that is larger than `limit` no more than shows it.
fn read_up_to(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut wasm = Vec::new();
    File::open(file)?.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut wasm)?;
    if wasm.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(wasm) }
}

/// The names of the guests in a folder; none where it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wasm = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    let mut names: Vec<String> = wasm.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}

fn remedy_of(error: &LoadError, name: &str) -> String {
    match error {
        LoadError::Imports { imports, .. } => {
            let grant = imports.iter().find_map(|import| match import.why {
                WhyRefused::NotGranted(grant) => Some(grant),
                _ => None,
            });
            match grant {
                Some(grant) => format!("if you trust it with that, set grants = [{grant:?}] in [guest.{name}]"),
                None => "use a guest that asks for no more than a host gives".to_owned(),
            }
        }
        _ => "build the guest again, or take the file from where it was released".to_owned(),
    }
}

#[cfg(test)]
mod tests;
