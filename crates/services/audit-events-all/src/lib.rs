//! `audit-events-all`: CloudTrail's audit events, from the objects that a trail writes (`types: [audits_s3]`).

mod trail;

use std::sync::Arc;

use quittance_aws::{
    Account, ObjectKeys, PlanError, QueueKeys, ServiceDescription, ServiceKind, TagTemplate, TypeDescription, listed,
    objects::ObjectsSettings, queue_name, tag_template,
};
use quittance_core::Unit;
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
    /// The queues.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// The objects that they announce.
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
            types: &[TypeDescription { name: "audits_s3", engine: "objects", table: "cloud.aws.cloudtrail.events" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        if let Some(unknown) = listed("types", &config.types)?.iter().find(|t| *t != AUDITS_S3) {
            let problem = format!("`{unknown}` is no type of this service: expected `{AUDITS_S3}`");
            return Err(PlanError::new("types", problem));
        }
        let queue = queue_name(
            "audit_sqs_queue_name",
            config.audit_sqs_queue_name.as_deref(),
            "`audits_s3` needs the queue that announces the objects",
        )?;
        let kind = Arc::new(Trail::new(&config)?);
        let tag = config.tag_template()?.to_string();
        let limits = config.objects.limits(&config.queue);
        let unit = |region: String| {
            let settings = ObjectsSettings { queue: queue.clone(), region, kind: kind.clone(), limits: limits.clone() };
            settings.unit(account, Self::NAME, AUDITS_S3, tag.clone())
        };
        Ok(config.queue.regions()?.into_iter().map(unit).collect())
    }
}

const AUDITS_S3: &str = "audits_s3";

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        let default = match self.auto_event_type {
            true => "cloud.aws.cloudtrail.{event_type}.{account}.{region}",
            false => "cloud.aws.cloudtrail.events.{account}.{region}",
        };
        tag_template("tag", self.tag.as_deref(), default, "events")
    }
}
