//! The shape of a template.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// A template. Its parts are in the order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parameters: BTreeMap<String, Parameter>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    conditions: BTreeMap<String, Value>,
    pub(super) resources: BTreeMap<String, Resource>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) outputs: BTreeMap<String, Output>,
}

/// What whoever deploys it may choose.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    #[serde(rename = "Type")]
    pub(super) kind: &'static str,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allowed_values: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_value: Option<u32>,
}

/// Something that is made.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resource {
    #[serde(rename = "Type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_replace_policy: Option<&'static str>,
    pub(super) properties: Value,
}

/// Something to be told of what was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    pub(super) value: Value,
}

impl Template {
    pub(super) fn new(description: String) -> Template {
        let (parameters, conditions, resources, outputs) = Default::default();
        Template { version: "2010-09-09", description, parameters, conditions, resources, outputs }
    }

    /// The template as it is sent.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The condition that the stack is in one of `regions`.
    pub(super) fn in_regions(&mut self, regions: &[String]) -> String {
        let mut regions = regions.to_vec();
        regions.sort();
        regions.dedup();
        let name = match &regions[..] {
            [] => "InNoRegion".to_owned(),
            [one] => format!("In{}", pascal(one)),
            [one, other] => format!("In{}Or{}", pascal(one), pascal(other)),
            // Told apart by what they are, which does not change when others are added.
            many => format!("In{}", many.iter().map(|region| pascal(region)).collect::<String>()),
        };
        let is = |region: &String| json!({ "Fn::Equals": [{ "Ref": "AWS::Region" }, region] });
        let condition = any(regions.iter().map(is).collect());
        self.condition(&name, condition)
    }

    /// The condition that all of these hold.
    pub(super) fn all_of(&mut self, names: &[&str]) -> String {
        match names {
            [one] => (*one).to_owned(),
            _ => {
                let name = names.join("And");
                let all: Vec<Value> = names.iter().map(|name| json!({ "Condition": name })).collect();
                self.condition(&name, json!({ "Fn::And": all }))
            }
        }
    }

    /// The condition of this name.
    pub(super) fn condition(&mut self, name: &str, condition: Value) -> String {
        self.conditions.entry(name.to_owned()).or_insert(condition);
        name.to_owned()
    }

    /// The condition that whoever deploys it says yes to what `description` asks.
    pub(super) fn choice(&mut self, parameter: &str, description: &str, default: bool) -> String {
        self.parameters.entry(parameter.to_owned()).or_insert_with(|| Parameter {
            kind: "String",
            description: description.to_owned(),
            default: Some(default.to_string()),
            allowed_values: vec!["true", "false"],
            ..Parameter::default()
        });
        self.condition(&format!("Wants{parameter}"), json!({ "Fn::Equals": [{ "Ref": parameter }, "true"] }))
    }

    /// Adds something to make.
    pub(super) fn add(&mut self, id: &str, condition: &str, kind: &'static str, properties: Value) -> &mut Resource {
        let properties = resolved(properties);
        let resource = Resource { kind, condition: Some(condition.to_owned()), properties, ..Resource::default() };
        self.resources.entry(id.to_owned()).insert_entry(resource).into_mut()
    }

    /// Adds something that is made wherever the template is deployed.
    pub(super) fn add_always(&mut self, id: &str, kind: &'static str, properties: Value) -> &mut Resource {
        let resource = Resource { kind, properties: resolved(properties), ..Resource::default() };
        self.resources.entry(id.to_owned()).insert_entry(resource).into_mut()
    }

    /// Adds something to tell.
    pub(super) fn tell(&mut self, id: &str, condition: &str, description: String, value: &str) {
        let value = resolved(Value::from(value));
        self.outputs.insert(id.to_owned(), Output { description, condition: Some(condition.to_owned()), value });
    }
}

/// Any of these, of which CloudFormation takes two to ten at a time.
fn any(mut conditions: Vec<Value>) -> Value {
    while conditions.len() > 10 {
        let parts = conditions.chunks(10).map(<[Value]>::to_vec);
        conditions = parts.map(any).collect();
    }
    match conditions.len() {
        1 => conditions.remove(0),
        _ => json!({ "Fn::Or": conditions }),
    }
}

/// `value` with what stands in `${...}` as CloudFormation's own functions.
pub(super) fn resolved(value: Value) -> Value {
    match value {
        Value::String(text) => of_text(text),
        Value::Array(items) => Value::Array(items.into_iter().map(resolved).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, resolved(value))).collect()),
        other => other,
    }
}

fn of_text(text: String) -> Value {
    let alone = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains("${"));
    match alone {
        Some(name) => match name.split_once('.') {
            Some((id, attribute)) => json!({ "Fn::GetAtt": [id, attribute] }),
            None => json!({ "Ref": name }),
        },
        None if text.contains("${") => json!({ "Fn::Sub": text }),
        None => Value::String(text),
    }
}

/// The name of something in a template: letters and digits of `text`, each word with a capital.
pub(super) fn pascal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

/// A name that is not taken yet.
pub(super) fn free(wanted: String, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.clone();
    let mut number = 2;
    while is_taken(&name) {
        name = format!("{wanted}{number}");
        number += 1;
    }
    name
}
