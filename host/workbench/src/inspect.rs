//! What a file is: every fact about a guest that can be told without trusting it, and what the guest says of itself.

mod render;
pub mod settings;

use tidegate_sandbox::{Grants, ImportNeed, Inspection, Limits, Manifest, Sandbox, Verdict, inspect};

pub use render::{document, text};

/// Everything that is known of a file.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it was called by.
    pub file: String,
    /// What its bytes tell.
    pub inspection: Inspection,
    /// What became of loading it.
    pub loading: Loading,
}

/// What became of loading a file.
#[derive(Debug, Clone)]
pub enum Loading {
    /// It is no guest for this host, so nobody tried.
    NoGuest,
    /// It is a guest, and does not load.
    Refused {
        /// The host's words.
        why: String,
    },
    /// It loads with these grants.
    Described {
        /// What it says of itself.
        manifest: Box<Manifest>,
        /// What had to be granted, by name. Granted here only so that it could be asked what it is.
        granted: Vec<&'static str>,
    },
}

/// Looks at a file and, where it is a guest, loads it and has it describe itself.
///
/// Grants that it needs are given for that alone: `describe` gets no data and no answer to a query.
#[must_use]
pub fn examine(sandbox: &Sandbox, file: &str, name: &str, wasm: &[u8], limits: &Limits) -> Report {
    let inspection = inspect(wasm);
    let loading =
        if inspection.kind().is_some() { load(sandbox, name, wasm, limits, &inspection) } else { Loading::NoGuest };
    Report { file: file.to_owned(), inspection, loading }
}

fn load(sandbox: &Sandbox, name: &str, wasm: &[u8], limits: &Limits, inspection: &Inspection) -> Loading {
    let mut granted: Vec<&'static str> = inspection
        .imports
        .iter()
        .filter_map(|import| match import.need {
            ImportNeed::Grant(grant) => Some(grant),
            _ => None,
        })
        .collect();
    granted.sort_unstable();
    granted.dedup();
    let loaded = Grants::parse(&granted)
        .map_err(|unknown| unknown.to_string())
        .and_then(|grants| sandbox.load(name, wasm, limits, &grants).map_err(|error| error.to_string()));
    match loaded {
        Ok(guest) => Loading::Described { manifest: Box::new(guest.manifest().clone()), granted },
        Err(why) => Loading::Refused { why },
    }
}

impl Report {
    /// Whether a host would load it with no grant at all.
    #[must_use]
    pub fn loads(&self) -> bool {
        matches!(&self.loading, Loading::Described { granted, .. } if granted.is_empty())
    }

    /// What it comes down to, in one sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let what = &self.inspection.verdict;
        match &self.loading {
            Loading::NoGuest => what.to_string(),
            Loading::Refused { why } => format!("{} that does not load: {why}", self.kind()),
            Loading::Described { granted, .. } if granted.is_empty() => {
                format!("{} that loads without any grant", self.kind())
            }
            Loading::Described { granted, .. } => {
                format!("{} that loads only where the config grants it {}", self.kind(), granted.join(", "))
            }
        }
    }

    fn kind(&self) -> String {
        match self.inspection.verdict {
            Verdict::Guest(kind) => format!("a {kind}"),
            _ => "no guest".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
