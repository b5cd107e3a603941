//! `audit-events-all`: CloudTrail's audit events, from the objects that a trail writes (`types: [audits_s3]`) or by its
//! API (`types: [audits_api]`).

mod api;
mod audited;
mod own;
mod record;
mod silence;
mod trail;

use std::sync::Arc;

use quittance_aws::{
    Account, Limits, ObjectKeys, On, PlanError, QueueKeys, Reads, ServiceDescription, ServiceKind, Source, TagTemplate,
    TypeDescription, Writer, listed, no_global_events,
    objects::ObjectsSettings,
    queue_name, regions, tag_template,
    windows::{WindowSettings, past_start_time, start_time},
};
use quittance_core::{Finding, Interval, Unit};
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
    /// Whether records of this collector's own reads are dropped: `GetObject`, `ReceiveMessage`, `Decrypt`, `LookupEvents`
    /// and the like, made with the credentials that it signs in with. For trails that record data events of the bucket that
    /// they write to.
    #[serde(default)]
    pub drop_own_calls: bool,
    /// Whether account and region in the tag are the event's own; otherwise those that are asked.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// For `audits_api`, the time between two pulls; 5 minutes if unset. A queue is read as soon as something is in it.
    pub request_period_in_seconds: Option<Interval>,
    /// The first moment to collect. For `audits_api`, CloudTrail knows 90 days; if unset, it is when the collector first ran.
    /// For `audits_s3`, the events of objects that were made earlier are filtered; if unset, all that a queue announces is
    /// sent.
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
            codes: silence::CODES,
            types: &[
                TypeDescription { name: AUDITS_S3, engine: "objects", table: TABLE },
                TypeDescription { name: AUDITS_API, engine: "windows", table: TABLE },
            ],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let regions = regions(&config.regions)?;
        let mut units = Vec::new();
        for of in config.types()? {
            units.extend(match of {
                Type::Trail => trails(&config, &regions, account)?,
                Type::Api => lookups(&config, &regions, account)?,
            });
        }
        Ok(units)
    }

    fn advice(&self, config: &Config) -> Vec<(&'static str, Finding)> {
        let types = config.types().unwrap_or_default();
        // A trail writes events of all regions into one bucket.
        let global = no_global_events(&config.regions).filter(|_| types.contains(&Type::Api));
        let usual = usual_keys(&config.regions);
        let filter = config.objects.filter().ok().and_then(|filter| filter.advice(&usual));
        let filter = filter.filter(|_| types.contains(&Type::Trail));
        global.map(|found| ("regions", found)).into_iter().chain(filter.map(|f| ("s3_file_type_filter", f))).collect()
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let regions = regions(&config.regions)?;
        let asked = |actions, on| Source { regions: regions.clone(), reads: Reads::Api { actions, on } };
        let mut sources = Vec::new();
        for of in config.types()? {
            match of {
                Type::Trail => {
                    let fed = config.objects.fed(Writer::Trail)?;
                    sources.push(config.queue.source(&regions, &config.queue_name()?, fed)?);
                    // A setup asks, so that nobody finds it out by the bill.
                    let trails = &["cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors"];
                    sources.extend((!config.drop_own_calls).then(|| asked(trails, On::Account)));
                }
                Type::Api => sources.push(asked(&["cloudtrail:LookupEvents"], On::Region)),
            }
        }
        Ok(sources)
    }
}

fn trails(config: &Config, regions: &[String], account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
    let queue = config.queue_name()?;
    let kind = Arc::new(Trail::new(config, account)?);
    let tag = config.tag_template()?.to_string();
    let limits = config.objects.limits(&config.queue)?;
    let limits = Limits { start_time: start_time(config.start_time.as_deref())?, ..limits };
    let unit = |region: &String| {
        let (queue, kind, limits) = (queue.clone(), kind.clone(), limits.clone());
        let buckets = config.objects.buckets.clone();
        let settings = ObjectsSettings { queue, region: region.clone(), buckets, kind, limits };
        settings.unit(account, AuditEventsAll::NAME, AUDITS_S3, tag.clone())
    };
    Ok(regions.iter().map(unit).collect())
}

fn lookups(config: &Config, regions: &[String], account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
    let tag = config.tag_template()?.to_string();
    let start_time = past_start_time(config.start_time.as_deref(), account)?;
    let unit = |region: &String| {
        let kind = Arc::new(Lookup::new(config, account, region)?);
        let mut settings = WindowSettings { start_time, ..WindowSettings::new(region, kind) };
        settings.max_event_bytes = config.queue.max_event_bytes.unwrap_or(settings.max_event_bytes);
        Ok(settings.unit(account, AuditEventsAll::NAME, AUDITS_API, tag.clone()))
    };
    regions.iter().map(unit).collect()
}

/// Keys as a trail's objects usually have them, in the regions of the queue and in others.
fn usual_keys(regions: &[String]) -> Vec<String> {
    let name = |region: &str| format!("111122223333_CloudTrail_{region}_20260115T1205Z_0a1B2c3D4e5F6g7H.json.gz");
    let keys = regions.iter().map(String::as_str).chain(["us-east-1"]).flat_map(|region| {
        ["", "o-0a1b2c3d4e/"].map(|organization| {
            format!("AWSLogs/{organization}111122223333/CloudTrail/{region}/2026/01/15/{}", name(region))
        })
    });
    keys.collect()
}

const AUDITS_S3: &str = "audits_s3";
const AUDITS_API: &str = "audits_api";
const TABLE: &str = "cloud.aws.cloudtrail.events";

/// Where audit events come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// The objects that a trail writes.
    Trail,
    /// CloudTrail's API.
    Api,
}

impl Config {
    fn types(&self) -> Result<Vec<Type>, PlanError> {
        let read = |of: String| match of.as_str() {
            AUDITS_S3 => Ok(Type::Trail),
            // Devo's documentation writes it both ways.
            AUDITS_API | "audit_apis" => Ok(Type::Api),
            unknown => {
                let problem =
                    format!("`{unknown}` is no type of this service: expected `{AUDITS_S3}` or `{AUDITS_API}`");
                Err(PlanError::new("types", problem))
            }
        };
        let mut types = Vec::new();
        for of in listed("types", &self.types)? {
            let of = read(of)?;
            if !types.contains(&of) {
                types.push(of);
            }
        }
        Ok(types)
    }

    fn queue_name(&self) -> Result<String, PlanError> {
        let why = "`audits_s3` needs the queue that announces the objects";
        queue_name("audit_sqs_queue_name", self.audit_sqs_queue_name.as_deref(), &self.regions, why)
    }

    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        let default = match self.auto_event_type {
            true => "cloud.aws.cloudtrail.{event_type}.{account}.{region}",
            false => "cloud.aws.cloudtrail.events.{account}.{region}",
        };
        tag_template("tag", self.tag.as_deref(), default, "events")
    }
}
