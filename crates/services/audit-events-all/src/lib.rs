//! `audit-events-all`: CloudTrail's audit events, from the objects that a trail writes (`types: [audits_s3]`).

mod trail;

use std::sync::Arc;

use quittance_aws::{
    Account, PlanError, ServiceKind, TagTemplate,
    objects::{Limits, ObjectsPuller, ObjectsSettings, ObjectsSetup},
};
use quittance_core::{Unit, UnitId};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use trail::Trail;

/// The service.
pub struct AuditEventsAll;

/// The section `audit-events-all`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AuditEventsAll")]
pub struct Config {
    /// Where audit events come from: `audits_s3`.
    #[schemars(extend("examples" = [["audits_s3"]]))]
    pub types: Vec<String>,
    /// Regions of the queue; one unit each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Name or URL of the queue that announces a trail's objects.
    #[serde(alias = "cloudtrail_sqs_queue_name")]
    #[schemars(extend("x-aliases" = ["cloudtrail_sqs_queue_name"]))]
    pub audit_sqs_queue_name: Option<String>,
    /// Whether the fourth level of the tag is the event's AWS service, as in `cloud.aws.cloudtrail.ec2`.
    #[serde(default)]
    pub auto_event_type: bool,
    /// Events with one of these `eventName`s are dropped.
    #[serde(default)]
    pub drop_event_names: Vec<String>,
    /// Whether account and region in the tag are the event's own; otherwise those of the queue.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// A regular expression; only objects whose key it matches are read.
    pub s3_file_type_filter: Option<String>,
    /// A tag of one's own, with `{event_type}`, `{account}` and `{region}` filled in for each event.
    pub tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for AuditEventsAll {
    type Config = Config;

    const NAME: &'static str = "audit-events-all";

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        if config.types.is_empty() || config.regions.is_empty() {
            let key = if config.types.is_empty() { "types" } else { "regions" };
            return Err(PlanError::new(key, "expected at least one entry"));
        }
        if let Some(unknown) = config.types.iter().find(|t| *t != "audits_s3") {
            return Err(PlanError::new(
                "types",
                format!("`{unknown}` is no type of this service: expected `audits_s3`"),
            ));
        }
        let missing = || {
            PlanError::new("audit_sqs_queue_name", "missing: `audits_s3` needs the queue that announces the objects")
        };
        let queue = config.audit_sqs_queue_name.clone().filter(|q| !q.is_empty()).ok_or_else(missing)?;
        let limits = Limits::default();
        let kind = Arc::new(Trail::new(&config)?);
        let unit = |region: &String| {
            let settings = ObjectsSettings {
                queue: queue.clone(),
                region: region.clone(),
                kind: kind.clone(),
                limits: limits.clone(),
            };
            Unit {
                id: UnitId::new(&["aws", account.id(), Self::NAME, "audits_s3", region, &queue]),
                setup: Arc::new(ObjectsSetup::new(account.clone(), settings.clone())),
                puller: Arc::new(ObjectsPuller::new(account.clone(), settings)),
            }
        };
        Ok(config.regions.iter().map(unit).collect())
    }
}

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        let default = match self.auto_event_type {
            true => "cloud.aws.cloudtrail.{event_type}.{account}.{region}",
            false => "cloud.aws.cloudtrail.events.{account}.{region}",
        };
        TagTemplate::new(self.tag.as_deref().unwrap_or(default), "events")
            .map_err(|e| PlanError::new("tag", e.to_string()))
    }

    fn filter(&self) -> Result<Option<Regex>, PlanError> {
        let regex = self.s3_file_type_filter.as_deref().filter(|f| !f.is_empty()).map(Regex::new).transpose();
        regex.map_err(|e| PlanError::new("s3_file_type_filter", format!("not a regular expression: {e}")))
    }
}
