//! Keys that services have in common: each stands here, and is checked here, in the same words.

use std::time::Duration;

use fancy_regex::Regex;
use quittance_core::{Finding, Interval};
use quittance_formats::fields;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Fed, Limits, ObjectRef, OnMissingObject, PlanError, QueueSource, Reads, Source, TagTemplate, Writer, codes,
    is_account, main_region, partition, tagging::is_region, windows::start_time,
};

/// SQS's limit.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// A shorter silence says nothing: a busy bucket may take so long.
const SHORTEST_TRANSFER_TIMEOUT: Duration = Duration::from_secs(1);

/// Keys of a service that reads queues and nothing else, to be flattened into its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "QueueOnlyKeys")]
pub struct QueueOnlyKeys {
    /// Regions of the queues; one unit for each queue in each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// The longest time between two pulls. It is kept in any case: a queue is read as soon as something is in it.
    pub request_period_in_seconds: Option<Interval>,
    /// The first moment to collect. What is older by its own time, or in an object that was made earlier, is filtered. If
    /// unset, all that a queue has is sent.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub start_time: Option<String>,
}

impl QueueOnlyKeys {
    /// `limits` with the user's own.
    pub fn limits(&self, limits: Limits) -> Result<Limits, PlanError> {
        Ok(Limits { start_time: start_time(self.start_time.as_deref())?, ..limits })
    }

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
    /// ARNs of the KMS keys that the queue, or the buckets of the objects that it announces, are encrypted with. They are for the
    /// permissions that `quittance iam` writes, and change nothing else.
    #[serde(default)]
    #[schemars(extend("examples" = [["arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-0000-0000-000000000000"]]))]
    pub kms_keys: Vec<String>,
}

impl QueueKeys {
    /// What is read of a queue that someone feeds, in these regions.
    pub fn source(&self, regions: &[String], queue: &str, fed: Fed) -> Result<Source, PlanError> {
        let usual = Limits::of_objects().visibility_timeout;
        let reads = Reads::Queue(QueueSource {
            queue: queue.to_owned(),
            fed,
            visibility_timeout: self.visibility_timeout.map_or(usual, |timeout| timeout.0),
            kms_keys: self.kms_keys()?,
        });
        Ok(Source { regions: regions.to_vec(), reads })
    }

    /// `kms_keys`, each once.
    pub fn kms_keys(&self) -> Result<Vec<String>, PlanError> {
        let keys = optional(&self.kms_keys);
        match keys.iter().find(|key| !is_kms_key(key)) {
            Some(odd) => Err(PlanError::new(
                "kms_keys",
                format!(
                    "`{}` is no key: expected its ARN, as in `arn:aws:kms:eu-west-1:111122223333:key/...`",
                    odd.escape_debug()
                ),
            )),
            None => Ok(keys),
        }
    }

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
    /// How long nothing may come within the transfer of an object, before what is left of it is asked for anew: at least a second,
    /// and a minute if unset.
    pub transfer_timeout: Option<Interval>,
    /// The buckets whose objects the queue announces, with `{account}` and `{region}` filled in. They are for the permissions
    /// and templates that `quittance iam` writes, and change nothing else: every object that is announced is read.
    #[serde(default)]
    #[schemars(extend("examples" = [["my-trail", "trail-{account}-{region}"]]))]
    pub buckets: Vec<String>,
}

impl ObjectKeys {
    /// Who feeds a queue that announces objects.
    pub fn fed(&self, writer: Writer) -> Result<Fed, PlanError> {
        let buckets = optional(&self.buckets);
        match buckets.iter().find(|bucket| !is_bucket(bucket)) {
            Some(odd) => {
                let odd = odd.escape_debug();
                let problem =
                    format!("`{odd}` is no bucket: expected its name, as in `my-trail` or `trail-{{account}}`");
                Err(PlanError::new("buckets", problem))
            }
            None => Ok(Fed::Objects { writer, buckets }),
        }
    }

    /// `s3_file_type_filter`.
    pub fn filter(&self) -> Result<KeyFilter, PlanError> {
        KeyFilter::new(self.s3_file_type_filter.as_deref())
    }

    /// Bounds of a unit that reads objects, with the user's own.
    pub fn limits(&self, queue: &QueueKeys) -> Result<Limits, PlanError> {
        let usual = Limits::of_objects();
        let transfer_timeout = self.transfer_timeout.map_or(usual.transfer_timeout, |timeout| timeout.0);
        if transfer_timeout < SHORTEST_TRANSFER_TIMEOUT {
            let problem = format!("{transfer_timeout:?}: expected at least a second");
            return Err(PlanError::new("transfer_timeout", problem));
        }
        queue.limits(Limits { on_missing_object: self.on_missing_object, transfer_timeout, ..usual })
    }
}

/// `regions`, each once: one unit for each.
pub fn regions(regions: &[String]) -> Result<Vec<String>, PlanError> {
    let regions = listed("regions", regions)?;
    match regions.iter().find(|region| !is_region(region.as_bytes())) {
        Some(odd) => {
            let problem = format!("`{}` is no region: expected one as in `eu-west-1`", odd.escape_debug());
            Err(PlanError::new("regions", problem))
        }
        None => Ok(regions),
    }
}

/// Warns of `regions` among which the one is not that events of global services are in.
pub fn no_global_events(regions: &[String]) -> Option<Finding> {
    let home = main_region(partition(regions.first()?.trim()));
    let problem =
        format!("`{home}` is not among them: events of IAM, STS, CloudFront and other global services are there");
    (!regions.iter().any(|region| region.trim() == home)).then(|| {
        let found = Finding::warning(&codes::NO_GLOBAL_EVENTS, problem);
        found.with_fix(format!("add {home}, or read that region by another input"))
    })
}

/// The entries of a list that must not be empty, each once.
pub fn listed(key: &str, entries: &[String]) -> Result<Vec<String>, PlanError> {
    let found = optional(entries);
    if found.is_empty() { Err(PlanError::new(key, "expected at least one entry")) } else { Ok(found) }
}

/// The entries of a list, each once.
fn optional(entries: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
        if !found.iter().any(|other| other == entry) {
            found.push(entry.to_owned());
        }
    }
    found
}

/// Whether it is the ARN of a key: permissions on an alias are none on its key.
fn is_kms_key(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    matches!(parts[..], ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws") && plain(partition) && is_region(region.as_bytes()) && is_account(account)
            && key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && plain(id)))
}

/// Whether it can be a bucket's name, once what stands in braces is filled in.
fn is_bucket(name: &str) -> bool {
    let filled = name.replace("{account}", "111122223333").replace("{region}", "eu-west-1");
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    (3..=63).contains(&filled.len()) && filled.bytes().all(fits)
}

/// A queue's name, or its URL, which is that of a queue in one region. `why` says what needs it.
pub fn queue_name(key: &str, name: Option<&str>, regions: &[String], why: &str) -> Result<String, PlanError> {
    let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
        return Err(PlanError::new(key, format!("missing: {why}")));
    };
    if let Some(url) = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")) {
        return match misplaced(url, &optional(regions)) {
            Some(problem) => Err(PlanError::new(key, format!("`{}` {problem}", name.escape_debug()))),
            None => Ok(name.to_owned()),
        };
    }
    if is_queue(name) {
        return Ok(name.to_owned());
    }
    Err(PlanError::new(key, format!("`{}` is no queue: expected its name, or its URL", name.escape_debug())))
}

/// Whether it can be a queue's name.
fn is_queue(name: &str) -> bool {
    let plain = name.strip_suffix(".fifo").unwrap_or(name);
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !plain.is_empty() && name.len() <= 80 && plain.bytes().all(fits)
}

/// What is wrong with a queue's URL, without its scheme, where these regions are read. What is not AWS's may look otherwise.
fn misplaced(url: &str, regions: &[String]) -> Option<String> {
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_aws = ["amazonaws.com", "amazonaws.com.cn", "api.aws"].iter().any(|domain| host.ends_with(domain));
    let named = path.split_once('/').is_some_and(|(account, queue)| is_account(account) && is_queue(queue));
    if is_aws && !named {
        return Some(
            "is no queue's URL: expected one that ends with the account and the queue, as in `/111122223333/name`"
                .to_owned(),
        );
    }
    let region = match host {
        // The oldest form there is.
        "queue.amazonaws.com" => "us-east-1",
        host => host.split('.').find(|label| is_region(label.as_bytes()))?,
    };
    (regions != [region]).then(|| {
        format!("is a queue in {region}: expected `regions: [{region}]`, or the queue's name, which is looked up in each region")
    })
}

/// A tag of the user's own, or else `default`; `general` is the event type of events that have none.
pub fn tag_template(key: &str, own: Option<&str>, default: &str, general: &str) -> Result<TagTemplate, PlanError> {
    let own = own.map(str::trim).filter(|tag| !tag.is_empty());
    TagTemplate::new(own.unwrap_or(default), general).map_err(|problem| PlanError::new(key, problem))
}

/// Why `s3_file_type_filter` keeps an object from being read.
pub(crate) const NOT_MATCHED: &str = "not matched by s3_file_type_filter";

/// `s3_file_type_filter`: which objects are read, by their keys.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter(Option<Regex>);

impl KeyFilter {
    /// Reads the regular expression; without one, every object passes.
    pub fn new(expression: Option<&str>) -> Result<Self, PlanError> {
        let regex = expression.filter(|e| !e.is_empty()).map(Regex::new).transpose();
        regex.map(KeyFilter).map_err(|error| {
            // The last line of several says what is wrong.
            let error = error.to_string();
            let error = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            PlanError::new("s3_file_type_filter", format!("no regular expression: {error}"))
        })
    }

    /// Whether it lets a key pass. An expression that takes too long for one keeps nothing from being read.
    fn passes(&self, key: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(key).unwrap_or(true))
    }

    /// Warns if none of the keys passes that objects usually have.
    pub fn advice(&self, usual: &[String]) -> Option<Finding> {
        let first = usual.first()?;
        let problem =
            format!("matches none of the keys that these objects usually have, as `{first}`: it may skip them all");
        let matches = usual.iter().any(|key| self.passes(key));
        (!matches).then(|| Finding::warning(&codes::FILTER_MATCHES_NOTHING, problem))
    }

    /// Why an object is not read, if it is not.
    pub fn refuses(&self, object: &ObjectRef) -> Option<&'static str> {
        if object.key.ends_with('/') {
            return Some("a folder mark");
        }
        (!self.passes(&object.key)).then_some(NOT_MATCHED)
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
