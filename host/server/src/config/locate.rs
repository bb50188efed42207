//! TOML as a tree in which every value knows its file, line and column. Knows nothing of what keys mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Finding, Spot};

/// A position in a config file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The file, as it was named.
    pub(crate) file: Arc<Path>,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

impl Place {
    /// The beginning of a file.
    pub(crate) fn start_of(file: &Arc<Path>) -> Place {
        Place { file: Arc::clone(file), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Keys and values of one table, by key.
pub(crate) type Table = BTreeMap<String, Node>;

/// One value and where it stands: at its key where it has one, at its first character otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where.
    pub(crate) place: Place,
    /// What.
    pub(crate) value: Value,
}

/// TOML's kinds of value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A date or a time; no key takes one, settings of guests may.
    Time(String),
    /// A list, or the tables of a `[[name]]`.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What a person calls this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Time(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Finds the place of a key after the config has been read, for faults that only show later: a guest that is missing,
/// settings outside of a guest's schema.
#[derive(Clone, Debug)]
pub(crate) struct Locator {
    root: Node,
}

impl Locator {
    pub(super) fn new(root: Node) -> Locator {
        Locator { root }
    }

    /// The place of the key at `path`, or of its nearest parent that exists.
    ///
    /// An element of a list is named by its number, or by its `name` where it has one: `["watch", "latency", "expr"]`.
    pub(crate) fn at(&self, path: &[&str]) -> Place {
        let mut node = &self.root;
        for part in path {
            let next = match &node.value {
                Value::Table(table) => table.get(*part),
                Value::List(list) => list
                    .iter()
                    .find(|element| name_of(element) == Some(part))
                    .or_else(|| part.parse::<usize>().ok().and_then(|at| list.get(at))),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.place.clone()
    }

    /// The same place together with the path as messages write it.
    pub(crate) fn spot(&self, path: &[&str]) -> Spot {
        let mut key = String::new();
        let mut node = Some(&self.root);
        for part in path {
            match node.map(|node| &node.value) {
                Some(Value::List(list)) => {
                    let named = list.iter().find(|element| name_of(element) == Some(part));
                    key = if named.is_some() { format!("{key}[{part:?}]") } else { format!("{key}[{part}]") };
                    node = named.or_else(|| part.parse::<usize>().ok().and_then(|at| list.get(at)));
                }
                other => {
                    key = join(&key, part);
                    node = match other {
                        Some(Value::Table(table)) => table.get(*part),
                        _ => None,
                    };
                }
            }
        }
        Spot { place: self.at(path), key }
    }
}

/// The `name` of a table that has one.
pub(super) fn name_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Table(table) => match &table.get("name")?.value {
            Value::Text(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// Appends one key to a path, quoted where TOML would quote it.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Reads one file's text. All syntax errors together.
pub(super) fn parse(file: &Arc<Path>, text: &str) -> Result<Node, Vec<Finding>> {
    let source = Source { file, text, lines: line_starts(text) };
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| source.syntax_error(error)).collect());
    }
    let mut faults = Vec::new();
    let root = source.table(root.get_ref(), Place::start_of(file), "", &mut faults);
    if faults.is_empty() { Ok(root) } else { Err(faults) }
}

struct Source<'a> {
    file: &'a Arc<Path>,
    text: &'a str,
    lines: Vec<usize>,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let before = self.text.get(start..offset).unwrap_or("");
        Place { file: Arc::clone(self.file), line, column: before.chars().count() + 1 }
    }

    fn syntax_error(&self, error: &toml::de::Error) -> Finding {
        let place = self.place(error.span().map_or(0, |span| span.start));
        Finding {
            spot: Spot { place, key: String::new() },
            what: format!("not valid TOML: {}", error.message().trim().replace('\n', ", ")),
            remedy: "correct the syntax; https://toml.io describes it".to_owned(),
        }
    }

    fn table(&self, table: &DeTable<'_>, place: Place, path: &str, faults: &mut Vec<Finding>) -> Node {
        let entries = table.iter().map(|(key, value)| {
            let path = join(path, key.get_ref());
            let node = self.value(value, self.place(key.span().start), &path, faults);
            (key.get_ref().clone().into_owned(), node)
        });
        let table = entries.collect();
        Node { place, value: Value::Table(table) }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, place: Place, path: &str, faults: &mut Vec<Finding>) -> Node {
        let mut fault = |what: String| {
            let spot = Spot { place: place.clone(), key: path.to_owned() };
            faults.push(Finding { spot, what, remedy: "write a number that 64 bits can hold".to_owned() });
        };
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    fault(format!("{number} is too large"));
                    Value::Integer(0)
                }
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => {
                    fault(format!("{number} is not a number"));
                    Value::Float(0.0)
                }
            },
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(list) => Value::List(
                list.iter()
                    .enumerate()
                    .map(|(at, element)| {
                        self.value(element, self.place(element.span().start), &format!("{path}[{at}]"), faults)
                    })
                    .collect(),
            ),
            DeValue::Table(table) => return self.table(table, place, path, faults),
        };
        Node { place, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
\"größe\" = 1
[detector.daily]
guest = \"seasonal\"
settings = { period = \"24h\", rules = [{ action = \"a\" },
  { action = \"b\" }] }

[[watch]]
name = \"one\"
[[watch]]
name = \"two\"
  expr = \"up\"
";

    fn locator() -> Locator {
        let file = Arc::from(Path::new("t.toml"));
        Locator::new(parse(&file, TEXT).expect("valid TOML"))
    }

    #[test]
    fn keys_are_found_where_they_stand() {
        let locator = locator();
        for (path, place) in [
            (vec!["größe"], "t.toml:1:1"),
            (vec!["detector", "daily", "guest"], "t.toml:3:1"),
            (vec!["detector", "daily", "settings", "period"], "t.toml:4:14"),
            (vec!["detector", "daily", "settings", "rules", "1", "action"], "t.toml:5:5"),
            (vec!["watch", "two", "expr"], "t.toml:11:3"),
            (vec!["watch", "0", "name"], "t.toml:8:1"),
        ] {
            assert_eq!(locator.at(&path).to_string(), place, "{path:?}");
        }
    }

    #[test]
    fn a_missing_key_stands_where_its_parent_does() {
        let locator = locator();
        assert_eq!(locator.at(&["detector", "daily", "settings", "window"]).to_string(), "t.toml:4:1");
        assert_eq!(locator.at(&["watch", "two", "remediation", "guest"]).to_string(), "t.toml:9:1");
        assert_eq!(locator.at(&["nowhere"]).to_string(), "t.toml:1:1");
        assert_eq!(locator.at(&["größe", "deeper"]).to_string(), "t.toml:1:1");
    }

    #[test]
    fn paths_are_written_as_toml_writes_them() {
        let locator = locator();
        assert_eq!(locator.spot(&["watch", "two", "expr"]).key, "watch[\"two\"].expr");
        assert_eq!(
            locator.spot(&["detector", "daily", "settings", "rules", "1"]).key,
            "detector.daily.settings.rules[1]"
        );
        assert_eq!(join("detector", "a b"), "detector.\"a b\"");
    }
}
