//! Settings: from JSON text to a guest's own type, and from that type to its JSON Schema.
//!
//! Every refusal names the key, what was found there and what would do.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Reads a settings object.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let value: Value = serde_json::from_str(text)
        .map_err(|e| Error::InvalidSettings(format!("settings: not JSON: {e}; expected an object")))?;
    // Serde would take an array for a struct, field by field.
    if !value.is_object() {
        return Err(Error::InvalidSettings(format!("settings: found {value}; expected a JSON object")));
    }
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let key = if path == "." { "settings" } else { &path };
        Error::InvalidSettings(format!("{key}: {}", e.inner()))
    })
}

/// The JSON Schema, draft 2020-12, of a settings type.
pub(crate) fn schema<T: JsonSchema>() -> String {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().as_value().to_string()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        /// How often.
        #[expect(dead_code, reason = "only its reading is tested")]
        every: crate::Duration,
        #[expect(dead_code, reason = "only its reading is tested")]
        rules: Vec<Rule>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        #[expect(dead_code, reason = "only its reading is tested")]
        limit: f64,
    }

    #[test]
    fn refusals_name_the_key_and_what_is_wrong() {
        for (text, parts) in [
            ("", &["settings: not JSON", "expected an object"][..]),
            ("{", &["settings: not JSON"]),
            ("null", &["settings: found null", "expected a JSON object"]),
            ("[\"5m\", []]", &["expected a JSON object"]),
            ("{}", &["missing field `every`"]),
            (r#"{"every": 5, "rules": []}"#, &["every: invalid type: integer `5`", "string"]),
            (r#"{"every": "5", "rules": []}"#, &["every: `5` is not a duration", "for example 5m"]),
            (
                r#"{"every": "5m", "rules": [{"limit": 1}, {"limit": "x"}]}"#,
                &["rules[1].limit: invalid type: string \"x\""],
            ),
            (r#"{"every": "5m", "rules": [{"limt": 1}]}"#, &["rules[0]", "unknown field `limt`, expected `limit`"]),
        ] {
            let Err(Error::InvalidSettings(refusal)) = parse::<Settings>(text) else { panic!("{text}: accepted") };
            for part in parts {
                assert!(refusal.contains(part), "{text}: `{refusal}` says nothing of `{part}`");
            }
        }
    }

    #[test]
    fn the_schema_is_of_the_draft_that_the_contract_names() {
        let schema: Value = serde_json::from_str(&schema::<Settings>()).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["every"]["description"], "How often.");
        assert_eq!(schema["properties"]["every"]["type"], "string");
    }
}
