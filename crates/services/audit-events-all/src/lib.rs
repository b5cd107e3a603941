//! `audit-events-all`: CloudTrail's audit events, from the objects that a trail writes (`types: [audits_s3]`) or by its
//! API (`types: [audits_api]`).

mod api;
mod record;
mod trail;

use std::sync::Arc;

use quittance_aws::{
    Account, ObjectKeys, PlanError, QueueKeys, ServiceDescription, ServiceKind, TagTemplate, TypeDescription, listed,
    objects::ObjectsSettings,
    queue_name, regions, tag_template,
    windows::{WindowSettings, start_time},
};
use quittance_core::{Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use api::Lookup;
use trail::Trail;

/// The service.
pub struct AuditEventsAll;

/// The section `audit-events-all`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AuditEventsAll")]
pub struct Config {
    /// Where audit events come from: `audits_s3`, a trail's objects, or `audits_api`, which needs no trail and is slow.
    #[schemars(extend("examples" = [["audits_s3"]]))]
    pub types: Vec<String>,
    /// Regions of the queue, or those whose events are asked for; one unit each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Name or URL of the queue that announces a trail's objects, for `audits_s3`.
    #[serde(alias = "cloudtrail_sqs_queue_name")]
    #[schemars(extend("x-aliases" = ["cloudtrail_sqs_queue_name"]))]
    pub audit_sqs_queue_name: Option<String>,
    /// Whether the fourth level of the tag is the event's AWS service, as in `cloud.aws.cloudtrail.ec2`.
    #[serde(default)]
    pub auto_event_type: bool,
    /// Events with one of these `eventName`s are dropped.
    #[serde(default)]
    pub drop_event_names: Vec<String>,
    /// Whether account and region in the tag are the event's own; otherwise those that are asked.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// For `audits_api`, the time between two pulls; 5 minutes if unset. A queue is read as soon as something is in it.
    pub request_period_in_seconds: Option<Interval>,
    /// For `audits_api`, the first moment to collect; CloudTrail knows 90 days. If unset, when the collector first ran.
    /// Everything that a queue announces is read.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub start_time: Option<String>,
    /// The queue.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// The objects that it announces.
    #[serde(flatten)]
    pub objects: ObjectKeys,
    /// A tag of one's own, with `{event_type}`, `{account}` and `{region}` filled in for each event.
    pub tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for AuditEventsAll {
    type Config = Config;

    const NAME: &'static str = "audit-events-all";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "CloudTrail's audit events",
            codes: &[],
            types: &[
                TypeDescription { name: AUDITS_S3, engine: "objects", table: TABLE },
                TypeDescription { name: AUDITS_API, engine: "windows", table: TABLE },
            ],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let regions = regions(&config.regions)?;
        let mut units = Vec::new();
        for of in listed("types", &config.types)? {
            match of.as_str() {
                AUDITS_S3 => units.extend(trails(&config, &regions, account)?),
                // Devo's documentation writes it both ways.
                AUDITS_API | "audit_apis" => units.extend(lookups(&config, &regions, account)?),
                unknown => {
                    let problem =
                        format!("`{unknown}` is no type of this service: expected `{AUDITS_S3}` or `{AUDITS_API}`");
                    return Err(PlanError::new("types", problem));
                }
            }
        }
        Ok(units)
    }
}

fn trails(config: &Config, regions: &[String], account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
    let queue = queue_name(
        "audit_sqs_queue_name",
        config.audit_sqs_queue_name.as_deref(),
        "`audits_s3` needs the queue that announces the objects",
    )?;
    let kind = Arc::new(Trail::new(config)?);
    let tag = config.tag_template()?.to_string();
    let limits = config.objects.limits(&config.queue)?;
    let unit = |region: &String| {
        let (queue, kind, limits) = (queue.clone(), kind.clone(), limits.clone());
        let settings = ObjectsSettings { queue, region: region.clone(), kind, limits };
        settings.unit(account, AuditEventsAll::NAME, AUDITS_S3, tag.clone())
    };
    Ok(regions.iter().map(unit).collect())
}

fn lookups(config: &Config, regions: &[String], account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
    let tag = config.tag_template()?.to_string();
    let start_time = start_time(config.start_time.as_deref(), account)?;
    let unit = |region: &String| {
        let kind = Arc::new(Lookup::new(config, account, region)?);
        let mut settings = WindowSettings { start_time, ..WindowSettings::new(region, kind) };
        settings.max_event_bytes = config.queue.max_event_bytes.unwrap_or(settings.max_event_bytes);
        Ok(settings.unit(account, AuditEventsAll::NAME, AUDITS_API, tag.clone()))
    };
    regions.iter().map(unit).collect()
}

const AUDITS_S3: &str = "audits_s3";
const AUDITS_API: &str = "audits_api";
const TABLE: &str = "cloud.aws.cloudtrail.events";

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        let default = match self.auto_event_type {
            true => "cloud.aws.cloudtrail.{event_type}.{account}.{region}",
            false => "cloud.aws.cloudtrail.events.{account}.{region}",
        };
        tag_template("tag", self.tag.as_deref(), default, "events")
    }
}
