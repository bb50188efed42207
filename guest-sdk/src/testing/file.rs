//! Case files from disk: which file, which line and which key is at fault where one cannot be used.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Largest case or series that is read. Ten times what anybody would write by hand.
const MAX_BYTES: u64 = 16 << 20;

/// Most cases that are read from one folder.
const MAX_CASES: usize = 10_000;

/// Why a case cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError {
    /// The file at fault: the case, or the series it names.
    pub file: PathBuf,
    /// Line and column, from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// The key at fault, for example `expect.at[0].sample`. Empty for the file as a whole.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.what)
    }
}

impl std::error::Error for CaseError {}

impl CaseError {
    /// A fault of a whole file.
    pub(super) fn of(file: &Path, what: impl Into<String>) -> Self {
        CaseError { file: file.to_owned(), place: None, key: String::new(), what: what.into() }
    }

    /// A fault of one key of a case that could be read.
    pub(super) fn at(file: &Path, key: impl Into<String>, what: impl Into<String>) -> Self {
        let key = key.into();
        let place = bytes(file).ok().and_then(|bytes| place(&bytes, &key));
        CaseError { file: file.to_owned(), place, key, what: what.into() }
    }
}

/// The case files of a folder, in the order of their names. There may be none.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let unlisted = |e: std::io::Error| CaseError::of(folder, format!("cannot be listed: {e}"));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unlisted)? {
        let path = entry.map_err(unlisted)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
        if paths.len() > MAX_CASES {
            return Err(CaseError::of(folder, format!("holds more than {MAX_CASES} cases; split it")));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Every case of a folder; none at all is an error.
pub(super) fn all<T>(folder: &Path, read: impl Fn(&Path) -> Result<T, CaseError>) -> Result<Vec<T>, String> {
    let paths = list(folder).map_err(|e| e.to_string())?;
    if paths.is_empty() {
        return Err(format!("{}: holds no case", folder.display()));
    }
    paths.iter().map(|path| read(path).map_err(|e| e.to_string())).collect()
}

/// What a case is called: its file without the ending.
pub(super) fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Reads one JSON file.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, CaseError> {
    let bytes = bytes(path)?;
    // A list would be taken for the keys in their order.
    if bytes.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
        return Err(CaseError { place: Some((1, 1)), ..CaseError::of(path, "is not a JSON object") });
    }
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        // What is not reached is written as a question mark, and the whole as a point.
        located(path, e.path().to_string().trim_end_matches(['?', '.']).to_owned(), e.inner())
    })?;
    reader.end().map_err(|e| located(path, String::new(), &e))?;
    Ok(value)
}

fn located(path: &Path, key: String, error: &serde_json::Error) -> CaseError {
    let text = error.to_string();
    // The place is told in front.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let place = (error.line() > 0).then(|| (error.line(), error.column()));
    CaseError { file: path.to_owned(), place, key, what: with_nearest(what) }
}

/// Line and column of a key in a JSON text: a reader that follows the key and stumbles where it ends.
fn place(text: &[u8], key: &str) -> Option<(usize, usize)> {
    struct Way<'a>(&'a [&'a str]);

    impl<'de> DeserializeSeed<'de> for Way<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
            if self.0.is_empty() { Err(D::Error::custom("here")) } else { from.deserialize_any(self) }
        }
    }

    impl<'de> Visitor<'de> for Way<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list or an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if self.0.first() == Some(&key.as_str()) {
                    map.next_value_seed(Way(&self.0[1..]))?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            let wanted = self.0.first().and_then(|index| index.parse::<usize>().ok());
            for index in 0.. {
                let more = if Some(index) == wanted {
                    list.next_element_seed(Way(&self.0[1..]))?.is_some()
                } else {
                    list.next_element::<IgnoredAny>()?.is_some()
                };
                if !more {
                    break;
                }
            }
            Ok(())
        }
    }

    let way: Vec<&str> = key.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
    let error = Way(&way).deserialize(&mut serde_json::Deserializer::from_slice(text)).err()?;
    (error.line() > 0).then(|| (error.line(), error.column()))
}

/// Names the known word that is nearest to an unknown one. Serde writes the unknown and the known ones in backquotes.
fn with_nearest(what: &str) -> String {
    if !what.starts_with("unknown ") {
        return what.to_owned();
    }
    let mut words = what.split('`').skip(1).step_by(2);
    let given = words.next().unwrap_or_default();
    let nearest = words
        .map(|word| (strsim::jaro_winkler(given, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, word)) => format!("{what}; the nearest is `{word}`"),
        None => what.to_owned(),
    }
}

/// The text of a file that a case names: within the case's folder, so that nobody's case shows what else is on the machine.
pub(super) fn beside(case: &Path, named: &str) -> Result<(PathBuf, String), CaseError> {
    let within = Path::new(named).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !within || named.is_empty() {
        let what = format!("`{named}` does not lie beside the case; write a relative path without `..`");
        return Err(CaseError::at(case, "series", what));
    }
    let path = case.parent().unwrap_or(Path::new("")).join(named);
    let text = String::from_utf8(bytes(&path)?).map_err(|_| CaseError::of(&path, "is not UTF-8 text"))?;
    Ok((path, text))
}

fn bytes(path: &Path) -> Result<Vec<u8>, CaseError> {
    let unread = |e: std::io::Error| CaseError::of(path, format!("cannot be read: {e}"));
    let about = fs::metadata(path).map_err(unread)?;
    // A pipe or a device might never end.
    if !about.is_file() {
        return Err(CaseError::of(path, "is not a file"));
    }
    if about.len() > MAX_BYTES {
        return Err(CaseError::of(
            path,
            format!("has {} bytes, more than the {MAX_BYTES} that a case may have", about.len()),
        ));
    }
    fs::read(path).map_err(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named() {
        for (what, nearest) in [
            ("unknown field `anomalus`, expected one of `normal`, `anomalous`", Some("`anomalous`")),
            ("unknown field `colour`, expected one of `normal`, `anomalous`", None),
            ("missing field `what`", None),
        ] {
            let said = with_nearest(what);
            assert!(said.starts_with(what));
            assert_eq!(said.split("; the nearest is ").nth(1), nearest);
        }
    }

    #[test]
    fn keys_are_found_in_the_text() {
        let text = b"{\n  \"a\": 1, \"list\": [\n    {\"b\": 2},\n    {\"c\": {}, \"b\": 3}\n  ]\n}";
        for (key, expected) in [
            ("a", Some((2, 7))),
            ("list", Some((2, 18))),
            ("list[1]", Some((4, 4))),
            ("list[1].b", Some((4, 19))),
            ("list[2].b", None),
            ("nowhere", None),
        ] {
            assert_eq!(place(text, key), expected, "{key}");
        }
    }

    #[test]
    fn series_lie_beside_their_case() {
        for named in ["", "/etc/passwd", "../secret.csv", "a/../../b.csv"] {
            let error = beside(Path::new("cases/x.json"), named).expect_err(named);
            assert!(error.to_string().starts_with("cases/x.json: series: "), "{error}");
        }
        let error = beside(Path::new("no/cases/x.json"), "x.csv").expect_err("no such file");
        assert!(error.to_string().starts_with("no/cases/x.csv: cannot be read: "), "{error}");
    }
}
