//! Settings of a guest from the command line: a file, and single keys over it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::file;
use crate::cli::exit::Failure;

/// Largest settings file.
const MAX_SETTINGS: usize = 1 << 20;

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Settings {
    /// Set one setting; the value is JSON where it can be read as such, and text otherwise. May be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// File of settings, JSON or TOML; `--set` goes over it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Settings {
    /// All of them as the object that `open` takes.
    pub(super) fn read(&self) -> Result<Value, Failure> {
        let mut settings = match &self.settings {
            Some(file) => from_file(file)?,
            None => Map::new(),
        };
        for pair in &self.set {
            let (key, value) = pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                Failure::Usage(format!("--set {pair:?} is not KEY=VALUE; write for example window=2h"))
            })?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            settings.insert(key.to_owned(), value);
        }
        Ok(Value::Object(settings))
    }
}

fn from_file(path: &Path) -> Result<Map<String, Value>, Failure> {
    let wrong = |what: String| Failure::Usage(format!("the settings in {}: {what}", path.display()));
    let text = String::from_utf8(file::read(path, MAX_SETTINGS)?).map_err(|_| wrong("not UTF-8 text".to_owned()))?;
    let by_name = path.extension().map(|extension| extension == "toml");
    let toml = by_name.unwrap_or(false) || (by_name.is_none() && !text.trim_start().starts_with('{'));
    let settings = if toml {
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))?
    } else {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    };
    match settings {
        Value::Object(settings) => Ok(settings),
        _ => Err(wrong("not an object of settings".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(set: &[&str], file: Option<PathBuf>) -> Result<Value, String> {
        let set = set.iter().map(|&pair| pair.to_owned()).collect();
        Settings { set, settings: file }.read().map_err(|failure| failure.to_string())
    }

    #[test]
    fn keys_go_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("a file");
            Some(file)
        };
        assert_eq!(settings(&[], None), Ok(json!({})));
        assert_eq!(
            settings(
                &["window=2h", "threshold=3.5", "rules=[{\"action\":\"a\"}]", "text=\"5\"", "equal=a=b", "on=true"],
                None
            ),
            Ok(json!({
                "window": "2h", "threshold": 3.5, "rules": [{ "action": "a" }], "text": "5", "equal": "a=b", "on": true
            }))
        );
        let json_file = write("s.json", r#"{"window": "1h", "threshold": 2}"#);
        assert_eq!(settings(&["window=2h"], json_file), Ok(json!({ "window": "2h", "threshold": 2 })));
        let toml_file = write("s.toml", "window = \"1h\"\n[[rules]]\naction = \"a\"\n");
        assert_eq!(settings(&[], toml_file), Ok(json!({ "window": "1h", "rules": [{ "action": "a" }] })));
        for (set, file, said) in [
            (["window"].as_slice(), None, "not KEY=VALUE"),
            (&["=2"], None, "not KEY=VALUE"),
            (&[], write("list.json", "[]"), "not an object"),
            (&[], write("bad.json", "{"), "bad.json"),
            (&[], write("bad.toml", "window = 1h"), "bad.toml"),
            (&[], Some("nowhere.json".into()), "cannot read nowhere.json"),
        ] {
            let error = settings(set, file).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }
}
