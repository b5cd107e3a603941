//! Reading the JSON schema that the types of a configuration make.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json, json};

use super::Config;

/// References that lead to references; the types have one or two.
const MAX_REFERENCES: usize = 16;

/// What the types say of a whole configuration with every service: a JSON schema (2020-12).
///
/// Besides the standard's words it has `x-aliases`, other names of a key, and `format: interval`, seconds or a number
/// with a unit. `x-free-type` is what a section of any other name has in `types`. `writeOnly` marks what is secret, and may be `file:` and a path.
pub(crate) fn of_types() -> Json {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<Config>().to_value()
}

/// The JSON schema (2020-12) of a configuration, for editors: the same, with what we read beyond it said in the
/// standard's own words.
pub fn schema() -> Json {
    let root = of_types();
    let mut schema = root.clone();
    open_up(&mut schema, &root);
    if let Json::Object(words) = &mut schema {
        words.remove("required");
        words.insert("title".to_owned(), "Configuration of Quittance".into());
        let absent = |keys: &[&str]| json!({ "not": { "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() } });
        // A whole configuration, or one of the Collector Server's, or what completes that.
        let (globals, outputs, inputs) = ("globals", "outputs", "inputs");
        words.insert(
            "anyOf".to_owned(),
            json!([
                { "required": [globals, outputs, inputs] },
                { "required": [inputs], "allOf": [absent(&[globals, outputs])] },
                { "required": [globals, outputs], "allOf": [absent(&[inputs])] },
            ]),
        );
    }
    schema
}

/// Lets other names of keys and sections of free names in, and sections that may be left out be left out.
fn open_up(schema: &mut Json, root: &Json) {
    let words = match schema {
        Json::Object(words) => words,
        Json::Array(items) => return items.iter_mut().for_each(|item| open_up(item, root)),
        _ => return,
    };
    words.values_mut().for_each(|below| open_up(below, root));
    if let Some(Json::Object(properties)) = words.get_mut("properties") {
        let others = |(key, schema): (&String, &Json)| {
            let mut other = schema.clone();
            if let Json::Object(words) = &mut other {
                words.remove("x-aliases");
                words.insert("description".to_owned(), format!("Another name of `{key}`.").into());
            }
            aliases(schema).map(|alias| (alias.to_owned(), other.clone())).collect::<Vec<_>>()
        };
        let others: Vec<_> = properties.iter().flat_map(others).collect();
        properties.extend(others);
        let is_optional = |schema: &Json| {
            let section = Wanted::of(schema, root);
            section.is_section() && section.required().next().is_none() && section.free_keys().is_none()
        };
        let optional: Vec<String> =
            properties.iter().filter(|(_, schema)| is_optional(schema)).map(|(key, _)| key.clone()).collect();
        if let Some(Json::Array(required)) = words.get_mut("required") {
            required.retain(|key| !key.as_str().is_some_and(|key| optional.iter().any(|other| other == key)));
        }
    }
    if let Some(others) = words.get_mut("additionalProperties")
        && let Some(of) = others.get(FREE_TYPE).cloned()
    {
        let types = json!({ "description": "What makes it such a section.", "contains": { "const": of } });
        *others = json!({ "allOf": [others.take()], "properties": { "types": types }, "required": ["types"] });
    }
}

/// The word for the type that makes a section of any name one of a kind.
pub(crate) const FREE_TYPE: &str = "x-free-type";

/// What one place of a configuration wants.
pub(crate) struct Wanted(Map<String, Json>);

/// The alternatives that a place has, told apart by one key.
pub(crate) struct Tagged {
    /// The key.
    pub(crate) key: String,
    /// What each of its values stands for.
    pub(crate) variants: BTreeMap<String, Wanted>,
}

impl Wanted {
    /// The meaning of `schema` within `root`: references followed, and the null of an optional value left out.
    pub(crate) fn of(schema: &Json, root: &Json) -> Wanted {
        let mut wanted = schema.as_object().cloned().unwrap_or_default();
        for _ in 0..MAX_REFERENCES {
            if let Some(Json::String(reference)) = wanted.remove("$ref") {
                let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                overlay(&mut wanted, target);
                continue;
            }
            match wanted.get("anyOf").or_else(|| wanted.get("oneOf")).and_then(Json::as_array).map(|all| but_null(all))
            {
                Some(alternatives) if alternatives.len() == 1 => {
                    let only = alternatives.into_iter().next().cloned();
                    wanted.remove("anyOf");
                    wanted.remove("oneOf");
                    overlay(&mut wanted, only.as_ref());
                }
                _ => break,
            }
        }
        Wanted(wanted)
    }

    fn array(&self, word: &str) -> &[Json] {
        self.0.get(word).and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }

    fn is(&self, kind: &str) -> bool {
        match self.0.get("type") {
            Some(Json::String(only)) => only == kind,
            Some(Json::Array(kinds)) => kinds.iter().any(|one| one == kind),
            _ => false,
        }
    }

    pub(crate) fn is_section(&self) -> bool {
        self.is("object") || self.0.contains_key("properties")
    }

    pub(crate) fn is_list(&self) -> bool {
        self.is("array")
    }

    pub(crate) fn is_text(&self) -> bool {
        self.is("string")
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.is("integer")
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is("number")
    }

    pub(crate) fn is_boolean(&self) -> bool {
        self.is("boolean")
    }

    /// Seconds, or a number with a unit.
    pub(crate) fn is_interval(&self) -> bool {
        self.0.get("format").is_some_and(|format| format == "interval")
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.0.get("writeOnly").is_some_and(|secret| secret == true)
    }

    /// Whether it says nothing that a value can be checked against.
    pub(crate) fn is_anything(&self) -> bool {
        !["type", "properties", "enum", "const", "oneOf", "anyOf"].iter().any(|word| self.0.contains_key(*word))
    }

    /// The texts that are allowed, if they are listed.
    pub(crate) fn choices(&self) -> Option<Vec<&str>> {
        let alternatives = self.array("oneOf");
        if alternatives.is_empty() {
            return choices(&self.0);
        }
        let lists = alternatives.iter().map(|alternative| alternative.as_object().and_then(choices));
        lists.collect::<Option<Vec<_>>>().map(|lists| lists.concat())
    }

    /// The alternatives, if one key tells them apart.
    pub(crate) fn tagged(&self, root: &Json) -> Option<Tagged> {
        let alternatives = self.array("oneOf");
        let first = alternatives.first()?.get("properties")?.as_object()?;
        let (key, _) = first.iter().find(|(_, schema)| schema.get("const").is_some())?;
        let variant = |alternative: &Json| {
            let name = alternative.get("properties")?.get(key)?.get("const")?.as_str()?;
            Some((name.to_owned(), Wanted::of(alternative, root)))
        };
        let variants = alternatives.iter().map(variant).collect::<Option<_>>()?;
        Some(Tagged { key: key.clone(), variants })
    }

    /// The schemas of a section's keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(key, schema)| (&**key, schema))
    }

    /// The key that a user means by `name`: its own, or one that has it as an alias.
    pub(crate) fn key(&self, name: &str) -> Option<(&str, &Json)> {
        let has_alias = |schema: &Json| aliases(schema).any(|alias| alias == name);
        self.keys().find(|(key, _)| *key == name).or_else(|| self.keys().find(|(_, schema)| has_alias(schema)))
    }

    /// The schema of the values of keys that a user names freely.
    pub(crate) fn free_keys(&self) -> Option<&Json> {
        let schema = self.0.get("additionalProperties").filter(|schema| schema.is_object());
        schema.filter(|schema| schema.get(FREE_TYPE).is_none())
    }

    /// The schema of the sections that a user names freely if they have a type, and that type.
    pub(crate) fn free_by_type(&self) -> Option<(&str, &Json)> {
        let schema = self.0.get("additionalProperties")?;
        Some((schema.get(FREE_TYPE)?.as_str()?, schema))
    }

    /// What a key stands for, where one that is not known is a mistake and not only ignored.
    pub(crate) fn closed_to(&self) -> Option<&str> {
        let closed = self.0.get("additionalProperties").is_some_and(|schema| schema == false);
        (closed || self.free_by_type().is_some()).then(|| self.0.get("title").and_then(Json::as_str).unwrap_or("key"))
    }

    /// Keys that must be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.array("required").iter().filter_map(Json::as_str)
    }

    /// What the items of a list are.
    pub(crate) fn items(&self) -> Option<&Json> {
        self.0.get("items").filter(|schema| schema.is_object())
    }

    /// The least and the greatest number.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        let bound = |word| self.0.get(word).and_then(Json::as_f64);
        (bound("minimum").unwrap_or(f64::NEG_INFINITY), bound("maximum").unwrap_or(f64::INFINITY))
    }

    /// In words, for a message.
    pub(crate) fn in_words(&self) -> String {
        if let Some(choices) = self.choices() {
            return match choices[..] {
                [only] => format!("`{only}`"),
                _ => format!("one of {}", listed(choices)),
            };
        }
        let (least, greatest) = self.bounds();
        match self {
            _ if self.is_interval() => "a duration: seconds, or a number with a unit as in `5s`, `10m` or `2h`".into(),
            _ if self.is_section() => "a section of keys".into(),
            _ if self.is_list() => "a list".into(),
            _ if self.is_text() => "text".into(),
            _ if self.is_boolean() => "`true` or `false`".into(),
            _ if self.is_integer() && greatest.is_finite() => format!("a whole number from {least} to {greatest}"),
            _ if self.is_integer() && least.is_finite() => format!("a whole number, {least} or more"),
            _ if self.is_integer() => "a whole number".into(),
            _ if self.is_number() => "a number".into(),
            _ => "another value".into(),
        }
    }

    /// An example for `key`, as it would be written.
    pub(crate) fn example(&self, key: &str) -> Option<String> {
        let example = self.array("examples").first()?;
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(match example {
            Json::Array(items) => format!("{key}: [{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
            value => format!("{key}: {}", plain(value)),
        })
    }
}

/// Other names of a key.
pub(crate) fn aliases(schema: &Json) -> impl Iterator<Item = &str> {
    schema.get("x-aliases").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

/// Names in backticks with commas between.
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn choices(schema: &Map<String, Json>) -> Option<Vec<&str>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(Json::String(only)), _) => Some(vec![only]),
        (_, Some(Json::Array(all))) => Some(all.iter().filter_map(Json::as_str).collect()),
        _ => None,
    }
}

fn but_null(alternatives: &[Json]) -> Vec<&Json> {
    alternatives.iter().filter(|alternative| alternative.get("type").is_none_or(|kind| kind != "null")).collect()
}

/// What the place itself says wins over what it refers to.
fn overlay(wanted: &mut Map<String, Json>, target: Option<&Json>) {
    for (word, value) in target.and_then(Json::as_object).into_iter().flatten() {
        wanted.entry(word.clone()).or_insert_with(|| value.clone());
    }
}
