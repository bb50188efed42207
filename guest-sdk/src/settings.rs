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
