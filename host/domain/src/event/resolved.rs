//! What exactly a resolved action runs.

use serde_json::Value;

use super::ResolvedAction;
use crate::rules::ActionKind;

/// Why a program's arguments cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} is {value:?}, which the program would take for an option: in `args`, write \"--{name}={{{name}}}\" or the like"
)]
pub struct OptionLike {
    name: String,
    value: String,
}

impl ResolvedAction {
    /// The arguments of the program, with target labels and arguments put in for `{name}`; none for an action that is no
    /// program. Whatever they hold, they stay within one argument.
    pub fn program_args(&self) -> Result<Vec<String>, OptionLike> {
        match &self.spec {
            ActionKind::Http { .. } => Ok(Vec::new()),
            ActionKind::Command { args, .. } => args.iter().map(|template| self.fill(template)).collect(),
        }
    }

    /// One pass: what is put in is not looked at again.
    fn fill(&self, template: &str) -> Result<String, OptionLike> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, tail)| Some((name, self.value_of(name)?, tail)));
            let Some((name, value, tail)) = known else {
                filled.push('{');
                rest = after;
                continue;
            };
            // Whoever names a service must not get to choose an option of the program.
            if filled.is_empty() && value.starts_with('-') && self.target.get(name).is_some() {
                return Err(OptionLike { name: name.to_owned(), value });
            }
            filled.push_str(&value);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Labels before arguments: the target is the host's to name, and no argument of a plan may stand in for it.
    fn value_of(&self, name: &str) -> Option<String> {
        let label = self.target.get(name).map(str::to_owned);
        label.or_else(|| match self.arguments.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::labels::Labels;
    use crate::rules::{Severity, Verify};

    fn filled(template: &str, service: &str) -> Result<String, String> {
        let spec = ActionKind::Command {
            program: "/bin/true".to_owned(),
            args: vec![template.to_owned()],
            env: BTreeMap::new(),
        };
        let action = ResolvedAction {
            name: "restart".to_owned(),
            spec,
            target: Labels::new([("service", service)]),
            arguments: json!({ "replicas": 3, "zone": "{service}", "change": -1, "service": "another" })
                .as_object()
                .cloned()
                .unwrap_or_default(),
            risk: Severity::Low,
            timeout: Duration::from_secs(1),
            idempotent: false,
            dry_run: false,
            verify: Verify::default(),
        };
        action.program_args().map(|args| args.concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn placeholders_are_filled_once() {
        for (template, expected) in [
            ("{service}", "check out; rm -rf /"),
            ("-n{replicas}", "-n3"),
            ("{zone}", "{service}"),
            ("{service}/{replicas}", "check out; rm -rf //3"),
            ("{unknown} {", "{unknown} {"),
            ("{{service}}", "{check out; rm -rf /}"),
            ("{change}", "-1"),
            ("", ""),
        ] {
            assert_eq!(filled(template, "check out; rm -rf /").as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_label_never_becomes_an_option() {
        let error = filled("{service}", "--force").expect_err("refused");
        assert_eq!(
            error,
            "service is \"--force\", which the program would take for an option: in `args`, write \
             \"--service={service}\" or the like"
        );
        assert_eq!(filled("--service={service}", "--force").as_deref(), Ok("--service=--force"));
    }
}
