//! Keys that services have in common: each stands here, and is checked here, in the same words.

use std::time::Duration;

use quittance_core::Interval;
use quittance_formats::fields;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Limits, ObjectRef, OnMissingObject, PlanError, TagTemplate, tagging::is_region};

/// SQS's limit.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// Keys of a service that reads queues and nothing else, to be flattened into its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "QueueOnlyKeys")]
pub struct QueueOnlyKeys {
    /// Regions of the queues; one unit for each queue in each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Devo's time between two pulls. Here a queue is read as soon as something is in it; this changes nothing.
    pub request_period_in_seconds: Option<Interval>,
    /// Devo's first moment to collect. Everything that a queue has is read; this changes nothing.
    pub start_time: Option<String>,
}

impl QueueOnlyKeys {
    /// `regions`, each once.
    pub fn regions(&self) -> Result<Vec<String>, PlanError> {
        regions(&self.regions)
    }
}

/// Keys of every service that reads queues, to be flattened into its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "QueueKeys")]
pub struct QueueKeys {
    /// An event longer than this, in bytes, is set aside instead of sent. 1 MiB if unset.
    pub max_event_bytes: Option<usize>,
    /// How long a message is hidden from others at a time while it is worked on: at least the queue's own timeout, and 5
    /// minutes if unset. 12 hours at most.
    pub visibility_timeout: Option<Interval>,
}

impl QueueKeys {
    /// `limits` with the user's own.
    pub fn limits(&self, limits: Limits) -> Result<Limits, PlanError> {
        if let Some(timeout) = self.visibility_timeout.filter(|timeout| timeout.0 > LONGEST_VISIBILITY) {
            let problem =
                format!("{} s: expected 12 hours at most, which is as long as SQS hides", timeout.0.as_secs());
            return Err(PlanError::new("visibility_timeout", problem));
        }
        Ok(limits.with(self.max_event_bytes, self.visibility_timeout))
    }
}

/// Further keys of every service that reads objects which queues announce, to be flattened into its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ObjectKeys")]
pub struct ObjectKeys {
    /// A regular expression; only objects whose key it matches are read.
    pub s3_file_type_filter: Option<String>,
    /// What becomes of an object that is announced, and is still not there after 15 minutes.
    #[serde(default)]
    pub on_missing_object: OnMissingObject,
}

impl ObjectKeys {
    /// `s3_file_type_filter`.
    pub fn filter(&self) -> Result<KeyFilter, PlanError> {
        KeyFilter::new(self.s3_file_type_filter.as_deref())
    }

    /// Bounds of a unit that reads objects, with the user's own.
    pub fn limits(&self, queue: &QueueKeys) -> Result<Limits, PlanError> {
        queue.limits(Limits { on_missing_object: self.on_missing_object, ..Limits::of_objects() })
    }
}

/// `regions`, each once: one unit for each.
pub fn regions(regions: &[String]) -> Result<Vec<String>, PlanError> {
    let regions = listed("regions", regions)?;
    match regions.iter().find(|region| !is_region(region.as_bytes())) {
        Some(odd) => Err(PlanError::new("regions", format!("`{odd}` is no region: expected one as in `eu-west-1`"))),
        None => Ok(regions),
    }
}

/// The entries of a list that must not be empty, each once.
pub fn listed(key: &str, entries: &[String]) -> Result<Vec<String>, PlanError> {
    let mut found: Vec<String> = Vec::new();
    for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
        if !found.iter().any(|other| other == entry) {
            found.push(entry.to_owned());
        }
    }
    if found.is_empty() { Err(PlanError::new(key, "expected at least one entry")) } else { Ok(found) }
}

/// A queue's name, or its URL. `why` says what needs it.
pub fn queue_name(key: &str, name: Option<&str>, why: &str) -> Result<String, PlanError> {
    let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
        return Err(PlanError::new(key, format!("missing: {why}")));
    };
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    let is_name = name.len() <= 80 && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let is_url = name.starts_with("https://") || name.starts_with("http://");
    if is_name || is_url {
        return Ok(name.to_owned());
    }
    Err(PlanError::new(key, format!("`{}` is no queue: expected its name, or its URL", name.escape_debug())))
}

/// A tag of the user's own, or else `default`; `general` is the event type of events that have none.
pub fn tag_template(key: &str, own: Option<&str>, default: &str, general: &str) -> Result<TagTemplate, PlanError> {
    let own = own.map(str::trim).filter(|tag| !tag.is_empty());
    TagTemplate::new(own.unwrap_or(default), general).map_err(|e| PlanError::new(key, e.to_string()))
}

/// `s3_file_type_filter`: which objects are read, by their keys.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter(Option<Regex>);

impl KeyFilter {
    /// Reads the regular expression; without one, every object passes.
    pub fn new(expression: Option<&str>) -> Result<Self, PlanError> {
        let regex = expression.filter(|e| !e.is_empty()).map(Regex::new).transpose();
        regex.map(KeyFilter).map_err(|e| PlanError::new("s3_file_type_filter", format!("no regular expression: {e}")))
    }

    /// Why an object is not read, if it is not.
    pub fn refuses(&self, object: &ObjectRef) -> Option<&'static str> {
        if object.key.ends_with('/') {
            return Some("a folder mark");
        }
        let passes = self.0.as_ref().is_none_or(|regex| regex.is_match(&object.key));
        (!passes).then_some("not matched by s3_file_type_filter")
    }
}

/// Whether the user drops events of that name, which is raw JSON.
pub fn is_dropped(name: Option<&[u8]>, dropped: &[String]) -> bool {
    if dropped.is_empty() {
        return false;
    }
    let name = name.and_then(fields::text);
    name.is_some_and(|name| dropped.iter().any(|dropped| *dropped == name))
}
