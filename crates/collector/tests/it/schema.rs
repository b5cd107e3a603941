//! The JSON schema.

use quittance_collector::{catalogue, config::schema};
use serde_json::Value;

#[test]
fn it_describes_every_service_and_every_key() {
    let schema = schema();
    for service in catalogue() {
        assert!(schema.pointer(&format!("/$defs/Input/properties/services/properties/{}", service.name())).is_some());
    }
    every_property(&schema, &mut |name, property| {
        let described = ["description", "$ref", "const"].iter().any(|word| property.get(word).is_some());
        assert!(described, "`{name}` has no doc comment: {property}");
    });
}

fn every_property(schema: &Value, each: &mut impl FnMut(&str, &Value)) {
    match schema {
        Value::Object(words) => {
            for (word, value) in words {
                if let (true, Some(properties)) = (word == "properties", value.as_object()) {
                    properties.iter().for_each(|(name, property)| each(name, property));
                }
                every_property(value, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every_property(item, each)),
        _ => {}
    }
}

#[test]
fn the_schema_in_the_repository_is_what_the_types_make() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.schema.json");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    // Not compared as texts by `assert_eq!`: they are too long to be read.
    assert!(
        written == format!("{:#}\n", schema()),
        "docs/config.schema.json is another than the types make: renew it with `cargo run -- schema > docs/config.schema.json`"
    );
}
