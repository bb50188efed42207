//! Typed reading of one table: every wrong type and unknown key is noted, and reading goes on. Knows no key by name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_domain::time::parse_duration;

use super::error::{Findings, Spot, suggest};
use super::locate::{Node, Table, Value, join, name_of};
use super::size::parse_size;

/// A value that was read, and where it stands, so that it can be objected to later.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    /// The value.
    pub(super) value: T,
    /// Its place.
    pub(super) spot: Spot,
}

/// One table, being read.
#[derive(Clone)]
pub(super) struct Section<'a> {
    table: &'a Table,
    /// The table's own place.
    pub(super) spot: Spot,
    /// Where faults go.
    pub(super) findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// The whole config.
    pub(super) fn root(node: &'a Node, keys: &[&str], findings: &'a Findings) -> Option<Section<'a>> {
        Section::open(node, Spot { place: node.place.clone(), key: String::new() }, Some(keys), findings)
    }

    /// Opens a table. With `keys`, every other key is noted as unknown.
    fn open(node: &'a Node, spot: Spot, keys: Option<&[&str]>, findings: &'a Findings) -> Option<Section<'a>> {
        let Value::Table(table) = &node.value else {
            let remedy = format!("write [{}] with its keys below, or {{ key = value }}", spot.key);
            findings.error(&spot, format!("expected a table, found {}", node.value.kind()), remedy);
            return None;
        };
        let section = Section { table, spot, findings };
        if let Some(keys) = keys {
            section.refuse_unknown(keys);
        }
        Some(section)
    }

    /// Notes every key that is not among `keys`.
    pub(super) fn refuse_unknown(&self, keys: &[&str]) {
        for (key, node) in self.table.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
            let spot = Spot { place: node.place.clone(), key: join(&self.spot.key, key) };
            self.findings.error(&spot, format!("unknown key \"{key}\""), suggest(key, "key", keys.iter().copied()));
        }
    }

    /// True when the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Every key, in alphabetical order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.keys().map(String::as_str)
    }

    /// Where a key stands, or would stand.
    pub(super) fn spot_of(&self, key: &str) -> Spot {
        let place = self.table.get(key).map_or(&self.spot.place, |node| &node.place);
        Spot { place: place.clone(), key: join(&self.spot.key, key) }
    }

    /// Notes a fault of one key.
    pub(super) fn error(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.error(&self.spot_of(key), what, remedy);
    }

    /// Notes a missing key. A key that is there with a wrong value has been objected to already.
    pub(super) fn require<T>(&self, value: Option<At<T>>, key: &str, remedy: &str) -> Option<At<T>> {
        if value.is_none() && !self.has(key) {
            self.error(key, "missing", remedy);
        }
        value
    }

    fn read<T>(&self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Option<At<T>> {
        let node = self.table.get(key)?;
        self.read_node(node, self.spot_of(key), expected, read)
    }

    fn read_node<T>(
        &self,
        node: &Node,
        spot: Spot,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<At<T>> {
        match read(&node.value) {
            Some(value) => Some(At { value, spot }),
            None => {
                let what = format!("expected {}, found {}", kind_of(expected), node.value.kind());
                self.findings.error(&spot, what, format!("write it as {}", example_of(expected)));
                None
            }
        }
    }

    /// A text, not empty.
    pub(super) fn text(&self, key: &str) -> Option<At<String>> {
        let text = self.read(key, TEXT, as_text)?;
        if text.value.trim().is_empty() {
            self.error(key, "the text is empty", "write something, or leave the key out");
            return None;
        }
        Some(text)
    }

    /// Whatever stands there, for a key that takes values of several kinds.
    pub(super) fn raw(&self, key: &str) -> Option<At<&'a Value>> {
        let node = self.table.get(key)?;
        Some(At { value: &node.value, spot: self.spot_of(key) })
    }

    /// The elements of a list, or the one value that stands in place of a list, of whatever kind they are.
    pub(super) fn one_or_more(&self, key: &str) -> Option<At<Vec<At<&'a Value>>>> {
        let At { value, spot } = self.raw(key)?;
        let Value::List(list) = value else { return Some(At { value: vec![At { value, spot: spot.clone() }], spot }) };
        let element = |(at, node): (usize, &'a Node)| {
            let spot = Spot { place: node.place.clone(), key: format!("{}[{at}]", spot.key) };
            At { value: &node.value, spot }
        };
        Some(At { value: list.iter().enumerate().map(element).collect(), spot })
    }

    /// True or false.
    pub(super) fn flag(&self, key: &str) -> Option<At<bool>> {
        self.read(key, "true or false|true or false, without quotes", |value| match value {
            Value::Boolean(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A finite number within a range that is written in words.
    pub(super) fn number(&self, key: &str, range: &str, within: impl Fn(f64) -> bool) -> Option<At<f64>> {
        let number = self.read(key, "a number|a number without quotes, for example 0.5", as_number)?;
        if number.value.is_finite() && within(number.value) {
            return Some(number);
        }
        self.error(key, format!("{} is not {range}", number.value), format!("choose {range}"));
        None
    }

    /// A whole number within a range.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<i64>) -> Option<At<i64>> {
        let number =
            self.read(key, "a whole number|a whole number without quotes, for example 3", |value| match value {
                Value::Integer(number) => Some(*number),
                _ => None,
            })?;
        if range.contains(&number.value) {
            return Some(number);
        }
        let said = match *range.end() {
            UNBOUNDED.. => format!("{} or more", range.start()),
            end => format!("from {} to {end}", range.start()),
        };
        self.error(key, format!("{} is out of range", number.value), format!("choose a whole number, {said}"));
        None
    }

    /// A whole number for counting, at least `least`.
    pub(super) fn count(&self, key: &str, least: u32) -> Option<At<u32>> {
        let At { value, spot } = self.integer(key, i64::from(least)..=UNBOUNDED)?;
        Some(At { value: u32::try_from(value).ok()?, spot })
    }

    /// A size in bytes: `"256MiB"`, or a whole number.
    pub(super) fn size(&self, key: &str) -> Option<At<u64>> {
        let read = self.read(key, "a size|a text, for example \"256MiB\"", |value| match value {
            Value::Integer(bytes) => Some(u64::try_from(*bytes).ok()),
            Value::Text(text) => Some(parse_size(text)),
            _ => None,
        })?;
        match read.value {
            Some(bytes) if bytes > 0 => Some(At { value: bytes, spot: read.spot }),
            _ => {
                self.error(
                    key,
                    "not a size in bytes",
                    "write a text with a unit, for example \"512KiB\" or \"256MiB\"",
                );
                None
            }
        }
    }

    /// A duration as Prometheus writes it; zero is fine.
    pub(super) fn duration(&self, key: &str) -> Option<At<Duration>> {
        let text = self.read(key, "a duration|a text, for example \"5m\" or \"1h30m\"", as_text)?;
        match parse_duration(&text.value) {
            Ok(value) => Some(At { value, spot: text.spot }),
            Err(_) => {
                let what = format!("{:?} is not a duration", text.value);
                self.error(key, what, "write it as Prometheus does, for example \"30s\", \"5m\", \"1h30m\" or \"2w\"");
                None
            }
        }
    }

    /// A duration that must be longer than nothing.
    pub(super) fn positive_duration(&self, key: &str) -> Option<At<Duration>> {
        let length = self.duration(key)?;
        if length.value.is_zero() {
            self.error(key, "zero makes no sense here", "choose a longer time, or leave the key out for its default");
            return None;
        }
        Some(length)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.read(key, TEXT, as_text)?;
        self.pick(text, words)
    }

    /// The meaning of a word that was read.
    pub(super) fn pick<T: Copy>(&self, text: At<String>, words: &[(&str, T)]) -> Option<At<T>> {
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            self.findings.error(
                &text.spot,
                format!("{:?} is not known here", text.value),
                format!("choose one of {all}"),
            );
        }
        found.map(|(_, value)| At { value: *value, spot: text.spot })
    }

    /// A list of texts, none of them empty. The list itself may be empty.
    pub(super) fn texts(&self, key: &str) -> Option<At<Vec<At<String>>>> {
        let node = self.table.get(key)?;
        let list = self.read(key, "a list of texts|a list, for example [\"one\", \"two\"]", |value| match value {
            Value::List(_) => Some(()),
            _ => None,
        })?;
        let Value::List(elements) = &node.value else { return None };
        let mut texts = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            let spot = Spot { place: element.place.clone(), key: format!("{}[{at}]", list.spot.key) };
            let text = self.read_node(element, spot, TEXT, as_text)?;
            if text.value.is_empty() {
                self.findings.error(&text.spot, "the text is empty", "write something, or take it out of the list");
                return None;
            }
            texts.push(text);
        }
        Some(At { value: texts, spot: list.spot })
    }

    /// A list of texts that must not be empty, because an empty one would have to mean either all or nothing.
    pub(super) fn some_texts(&self, key: &str, remedy: &str) -> Option<At<Vec<At<String>>>> {
        let list = self.texts(key)?;
        if list.value.is_empty() {
            self.error(key, "the list is empty", remedy);
            return None;
        }
        for (at, text) in list.value.iter().enumerate() {
            if list.value[..at].iter().any(|earlier| earlier.value == text.value) {
                self.findings.error(&text.spot, format!("{:?} is named twice", text.value), "name it once");
            }
        }
        Some(list)
    }

    /// A table of texts, for example headers.
    pub(super) fn map(&self, key: &str) -> Option<At<BTreeMap<String, At<String>>>> {
        let section = self.section(key, None)?;
        let mut map = BTreeMap::new();
        for key in section.keys() {
            map.insert(key.to_owned(), section.read(key, TEXT, as_text)?);
        }
        Some(At { value: map, spot: section.spot })
    }

    /// Anything, as JSON: for settings whose meaning only a guest knows.
    pub(super) fn json(&self, key: &str) -> Option<At<serde_json::Value>> {
        let node = self.table.get(key)?;
        let spot = self.spot_of(key);
        let value = self.to_json(node, &spot)?;
        Some(At { value, spot })
    }

    fn to_json(&self, node: &Node, spot: &Spot) -> Option<serde_json::Value> {
        Some(match &node.value {
            Value::Text(text) | Value::Time(text) => text.clone().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => number.into(),
                None => {
                    self.findings.error(
                        spot,
                        format!("{number} cannot be handed on"),
                        "settings are JSON: write a finite number",
                    );
                    return None;
                }
            },
            Value::Boolean(flag) => (*flag).into(),
            Value::List(list) => {
                let element = |(at, node): (usize, &Node)| {
                    self.to_json(node, &Spot { place: node.place.clone(), key: format!("{}[{at}]", spot.key) })
                };
                list.iter().enumerate().map(element).collect::<Option<Vec<_>>>()?.into()
            }
            Value::Table(table) => {
                let entry = |(key, node): (&String, &Node)| {
                    let spot = Spot { place: node.place.clone(), key: join(&spot.key, key) };
                    Some((key.clone(), self.to_json(node, &spot)?))
                };
                table.iter().map(entry).collect::<Option<serde_json::Map<_, _>>>()?.into()
            }
        })
    }

    /// True when the key is there and is a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Node { value: Value::Table(_), .. }))
    }

    /// True when the key is there and is a list with nothing in it.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Node { value: Value::List(list), .. }) if list.is_empty())
    }

    /// A table below this one. Without `keys`, any key may stand in it.
    pub(super) fn section(&self, key: &str, keys: Option<&[&str]>) -> Option<Section<'a>> {
        let node = self.table.get(key)?;
        Section::open(node, self.spot_of(key), keys, self.findings)
    }

    /// The tables of `[key.NAME]`, by name.
    pub(super) fn named(&self, key: &str, keys: Option<&[&str]>) -> Vec<(String, Section<'a>)> {
        let Some(parent) = self.section(key, None) else { return Vec::new() };
        parent.keys().filter_map(|name| Some((name.to_owned(), parent.section(name, keys)?))).collect()
    }

    /// The tables of `[[key]]`, in order.
    pub(super) fn listed(&self, key: &str, keys: &[&str]) -> Vec<Section<'a>> {
        let Some(node) = self.table.get(key) else { return Vec::new() };
        let Value::List(list) = &node.value else {
            let what = format!("expected a list of tables, found {}", node.value.kind());
            self.error(key, what, format!("write [[{}]] above each of them", join(&self.spot.key, key)));
            return Vec::new();
        };
        let open = |(at, node): (usize, &'a Node)| {
            let name = name_of(node).map_or_else(|| at.to_string(), |name| format!("{name:?}"));
            let spot = Spot { place: node.place.clone(), key: format!("{}[{name}]", join(&self.spot.key, key)) };
            Section::open(node, spot, Some(keys), self.findings)
        };
        list.iter().enumerate().filter_map(open).collect()
    }
}

/// Where a range ends that is only bounded by what the host can hold.
const UNBOUNDED: i64 = u32::MAX as i64;

/// What is expected and how to write it, apart by `|`.
const TEXT: &str = "a text|a text in quotes";

fn kind_of(expected: &str) -> &str {
    expected.split_once('|').map_or(expected, |(kind, _)| kind)
}

fn example_of(expected: &str) -> &str {
    expected.split_once('|').map_or(expected, |(_, example)| example)
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        // Nobody writes a threshold beyond 2^53.
        #[expect(clippy::cast_precision_loss)]
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}
