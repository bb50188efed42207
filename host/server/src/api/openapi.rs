//! `GET /api/v1/openapi.json`: the interface, described for programs. Written by hand, beside the shapes that it describes.

use axum::http::header;
use axum::response::IntoResponse;

use super::access::Person;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document(_: Person) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::access::Access;
    use super::super::routes;
    use super::*;

    /// How the document says whom a route is for.
    fn security(access: Access) -> Value {
        match access {
            Access::Anybody => json!([]),
            Access::Role(role) => json!([{ "bearer": [role.name()] }]),
            Access::Deliver => json!([{ "bearer": ["deliver"] }, { "basic": ["deliver"] }]),
        }
    }

    #[test]
    fn the_document_has_every_route_and_whom_it_is_for_and_no_other() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
                documented.insert(format!("{} {path} {}", method.to_uppercase(), operation["security"]));
            }
        }
        let answered: BTreeSet<String> = routes::all()
            .iter()
            .map(|route| format!("{} {} {}", route.method, route.path, security(route.access)))
            .collect();
        assert_eq!(documented, answered);
    }

    #[test]
    fn what_the_document_refers_to_is_there() {
        fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str));
                    object.values().for_each(|value| references(value, found));
                }
                Value::Array(array) => array.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses", "parameters"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(reference.as_str()), "nothing uses {reference}");
            }
        }
    }
}
