//! The configuration reference, a page made of the schema.

use std::{collections::HashMap, fmt::Write};

use serde_json::Value;

/// What a heading may be called where a map's name stands.
const NAME: &str = "<name>";

/// The page docs/reference.md.
pub(crate) fn in_markdown(schema: &Value) -> String {
    let mut text = String::from(
        "# Configuration reference\n\n\
         <!-- Written by `quittance schema --markdown` from the schema. -->\n\n\
         Every key, its values, and what it is if it is left out. [Configuration](configuration.md) says how a file is read, what a\n\
         check finds, and what the keys are for; `quittance schema` prints the same as a JSON schema, for editors. A duration is a\n\
         number of seconds, or a number with a unit: `500ms`, `5s`, `10m`, `2h`, `1d`. A secret is never shown, and may be `file:` and a path.\n",
    );
    let sections = Sections::of(schema);
    for section in &sections.all {
        write!(text, "\n{} {}\n\n{}\n", section.marks(), section.heading, flat(section.schema)).expect(WRITES);
        sections.table(section.schema, &mut text);
    }
    text
}

const WRITES: &str = "a string takes every write";

/// A table of keys.
struct Section<'a> {
    heading: String,
    depth: usize,
    schema: &'a Value,
}

impl Section<'_> {
    fn marks(&self) -> &'static str {
        if self.depth < 2 { "##" } else { "###" }
    }

    /// What a link to it says after `#`.
    fn anchor(&self) -> String {
        let kept = self.heading.chars().filter_map(|char| match char {
            ' ' => Some('-'),
            '_' | '-' => Some(char),
            _ if char.is_alphanumeric() => Some(char.to_ascii_lowercase()),
            _ => None,
        });
        kept.collect()
    }
}

/// All tables, each after the one that first names it.
struct Sections<'a> {
    definitions: &'a Value,
    all: Vec<Section<'a>>,
    /// Which of them a definition is.
    places: HashMap<&'a str, usize>,
}

impl<'a> Sections<'a> {
    fn of(schema: &'a Value) -> Sections<'a> {
        let definitions = &schema["$defs"];
        let mut uses = HashMap::new();
        count(schema, &mut uses);
        let root = Section { heading: "The file".to_owned(), depth: 0, schema };
        let mut sections = Sections { definitions, all: vec![root], places: HashMap::new() };
        sections.below("", 1, schema, &uses);
        sections
    }

    /// Enters what the keys of `schema`, which are at `path`, lead to.
    fn below(&mut self, path: &str, depth: usize, schema: &'a Value, uses: &HashMap<&'a str, usize>) {
        for (key, property) in properties(schema) {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            for (step, name) in steps(property) {
                self.enter(&format!("{path}{step}"), depth, name, uses);
            }
        }
    }

    fn enter(&mut self, path: &str, depth: usize, name: &'a str, uses: &HashMap<&'a str, usize>) {
        let schema = &self.definitions[name];
        if let Some(variants) = schema["oneOf"].as_array() {
            for variant in variants {
                let Some(kind) = variant["properties"]["type"]["const"].as_str() else { continue };
                let Some(config) = reference(&variant["properties"]["config"]) else { continue };
                let path = format!("{path}.config, type {kind}");
                self.put(path, depth, config, uses);
            }
        } else {
            // What stands in many places is called by its key alone.
            let key = path.rsplit('.').next().unwrap_or(path);
            let path = if uses.get(name).is_some_and(|uses| *uses > 1) { key } else { path };
            self.put(path.to_owned(), depth, name, uses);
        }
    }

    fn put(&mut self, path: String, depth: usize, name: &'a str, uses: &HashMap<&'a str, usize>) {
        let schema = &self.definitions[name];
        if self.places.contains_key(name) || schema["properties"].is_null() {
            return;
        }
        self.places.insert(name, self.all.len());
        let below = path.split(", type").next().unwrap_or_default().to_owned();
        self.all.push(Section { heading: format!("`{path}`"), depth, schema });
        self.below(&below, depth + 1, schema, uses);
    }

    fn table(&self, schema: &Value, text: &mut String) {
        text.push_str("\n| key | value | if left out | meaning |\n|---|---|---|---|\n");
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let keys = properties(schema).filter(|(_, property)| !flat(property).starts_with("Another name of"));
        let (first, rest): (Vec<_>, Vec<_>) = keys.partition(|(key, _)| required.contains(key));
        for (key, property) in first.into_iter().chain(rest) {
            let default = match &property["default"] {
                _ if required.contains(&key) => "required".to_owned(),
                Value::Null => String::new(),
                Value::Array(items) if items.is_empty() => "none".to_owned(),
                Value::Object(items) if items.is_empty() => "none".to_owned(),
                Value::String(default) => format!("`{default}`"),
                default => format!("`{default}`"),
            };
            let mut meaning = flat(property);
            if meaning.is_empty() {
                meaning = reference(property).map(|name| flat(&self.definitions[name])).unwrap_or_default();
            }
            for name in property["x-aliases"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                write!(meaning, " Also called `{name}`.").expect(WRITES);
            }
            for variant in self.words(property) {
                let word = variant["const"].as_str().unwrap_or_default();
                write!(meaning, "<br>`{word}`: {}", flat(variant)).expect(WRITES);
            }
            let value = self.value(property).replace('|', "\\|");
            writeln!(text, "| `{key}` | {value} | {default} | {} |", meaning.replace('|', "\\|")).expect(WRITES);
        }
    }

    /// The words that a key takes, if it takes only some.
    fn words(&self, property: &Value) -> Vec<&'a Value> {
        let variants = reference(property).and_then(|name| self.definitions[name]["oneOf"].as_array());
        variants.into_iter().flatten().filter(|variant| variant["const"].is_string()).collect()
    }

    /// What may stand after a key.
    fn value(&self, property: &Value) -> String {
        if let Some(name) = reference(property) {
            return self.link(name, "");
        }
        let kind = kind(property);
        let shown = match &*kind {
            "array" => match reference(&property["items"]) {
                Some(name) => self.link(name, "list of "),
                None => format!("list of {}s", word(&self::kind(&property["items"]), &property["items"])),
            },
            "object" => {
                let by_name: Vec<_> = steps(property).into_iter().map(|(step, name)| self.named(&step, name)).collect();
                if by_name.is_empty() { "map of texts".to_owned() } else { by_name.join(", ") }
            }
            kind => word(kind, property).to_owned(),
        };
        match property["examples"][0].as_str() {
            Some(example) if kind != "object" => format!("{shown}, as `{example}`"),
            _ => shown,
        }
    }

    fn named(&self, step: &str, name: &str) -> String {
        match self.definitions[name]["oneOf"].as_array() {
            Some(variants) => {
                let link = |variant: &Value| {
                    let kind = variant["properties"]["type"]["const"].as_str()?;
                    let config = reference(&variant["properties"]["config"]).and_then(|config| self.at(config));
                    Some(format!("`type: {kind}`{}", config.map(|link| format!(" ({link})")).unwrap_or_default()))
                };
                let links: Vec<_> = variants.iter().filter_map(link).collect();
                format!("map of names to {}", links.join(" or "))
            }
            None if step.is_empty() => self.link(name, ""),
            None => self.link(name, if step.ends_with(NAME) { "map of names to " } else { "" }),
        }
    }

    fn at(&self, name: &str) -> Option<String> {
        let section = self.all.get(*self.places.get(name)?)?;
        Some(format!("[{}](#{})", section.heading, section.anchor()))
    }

    fn link(&self, name: &str, before: &str) -> String {
        let words = self.definitions[name]["oneOf"].as_array().is_some();
        match self.at(name) {
            Some(link) => format!("{before}{link}"),
            None if words => {
                format!("{before}{}", if before.is_empty() { "one of these words" } else { "these words" })
            }
            None => format!("{before}nothing"),
        }
    }
}

/// The description, in one line.
fn flat(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, property)| (key.as_str(), property))
}

/// The definition that a property is, if it is one: by itself, or unless it is null.
fn reference(property: &Value) -> Option<&str> {
    let direct = property["$ref"].as_str();
    let or_null = || property["anyOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str());
    let all_of = || property["allOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str());
    direct.or_else(or_null).or_else(all_of)?.strip_prefix("#/$defs/")
}

/// The definitions that a property leads to, with what stands between its key and theirs.
fn steps(property: &Value) -> Vec<(String, &str)> {
    let mut found: Vec<_> = reference(property).map(|name| (String::new(), name)).into_iter().collect();
    found.extend(reference(&property["items"]).map(|name| ("[]".to_owned(), name)));
    for (key, below) in properties(property) {
        found.extend(reference(below).map(|name| (format!(".{key}"), name)));
    }
    if let Some(name) = reference(&property["additionalProperties"])
        && !found.iter().any(|(_, other)| *other == name)
    {
        found.push((format!(".{NAME}"), name));
    }
    found
}

/// How many properties lead to each definition.
fn count<'a>(schema: &'a Value, uses: &mut HashMap<&'a str, usize>) {
    match schema {
        Value::Object(words) => {
            for (_, property) in properties(schema) {
                for (step, name) in steps(property) {
                    // A service's section is in one place.
                    *uses.entry(name).or_default() += usize::from(step.is_empty() || step == "[]");
                }
            }
            words.values().for_each(|below| count(below, uses));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}

/// The first type that is not null.
fn kind(property: &Value) -> String {
    let types = match &property["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    types.first().copied().unwrap_or_default().to_owned()
}

/// How a reader calls it.
fn word<'a>(kind: &'a str, property: &Value) -> &'a str {
    match (kind, property["format"].as_str()) {
        _ if property["writeOnly"] == true => "secret",
        (_, Some("interval")) => "duration",
        ("string", _) => "text",
        ("integer", _) => "whole number",
        ("boolean", _) => "`true` or `false`",
        (kind, _) => kind,
    }
}
