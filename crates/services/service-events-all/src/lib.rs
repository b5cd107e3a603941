//! `service-events-all`: what AWS services say of themselves, as EventBridge rules put it into a queue.

mod envelope;

use std::sync::Arc;

use quittance_aws::{
    Account, Fed, Limits, PlanError, QueueKeys, QueueOnlyKeys, ServiceDescription, ServiceKind, Source, TagTemplate,
    TypeDescription, no_global_events, queue::QueueSettings, queue_name, tag_template,
};
use quittance_core::{Finding, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use envelope::Envelopes;

/// The service.
pub struct ServiceEventsAll;

/// The section `service-events-all`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ServiceEventsAll")]
pub struct Config {
    /// Name or URL of the queue that EventBridge rules put events into; the same name in every region.
    pub cloudwatch_sqs_queue_name: String,
    /// Whether the fourth level of the tag is the event's AWS service, as in `cloud.aws.cloudwatch.ec2`.
    #[serde(default)]
    pub auto_event_type: bool,
    /// Events that tell of an API call with one of these `eventName`s are dropped.
    #[serde(default)]
    pub drop_event_names: Vec<String>,
    /// Whether account and region in the tag are the event's own; otherwise those of the queue.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// What services have in common that read queues alone.
    #[serde(flatten)]
    pub only: QueueOnlyKeys,
    /// The queues.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// A tag of one's own, with `{event_type}`, `{account}` and `{region}` filled in for each event.
    pub tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for ServiceEventsAll {
    type Config = Config;

    const NAME: &'static str = "service-events-all";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "events of AWS services, through EventBridge",
            codes: &[],
            types: &[TypeDescription { name: "", engine: "queue", table: "cloud.aws.cloudwatch.events" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let queue = config.queue_name()?;
        let template = config.tag_template()?;
        let tag = template.to_string();
        let limits = config.only.limits(config.queue.limits(Limits::of_bodies())?)?;
        let regions = config.only.regions()?;
        let kind = Arc::new(Envelopes {
            template,
            drop_event_names: config.drop_event_names,
            from_event: config.use_region_and_account_id_from_event,
        });
        let unit = |region: String| {
            let settings = QueueSettings { queue: queue.clone(), region, kind: kind.clone(), limits: limits.clone() };
            settings.unit(account, Self::NAME, tag.clone())
        };
        Ok(regions.into_iter().map(unit).collect())
    }

    fn advice(&self, config: &Config) -> Vec<(&'static str, Finding)> {
        no_global_events(&config.only.regions).map(|found| ("regions", found)).into_iter().collect()
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let fed = Fed::Events { from: None, detail_types: &[] };
        Ok(vec![config.queue.source(&config.only.regions()?, &config.queue_name()?, fed)?])
    }
}

impl Config {
    fn queue_name(&self) -> Result<String, PlanError> {
        let name = Some(self.cloudwatch_sqs_queue_name.as_str());
        queue_name(
            "cloudwatch_sqs_queue_name",
            name,
            &self.only.regions,
            "the queue that EventBridge rules put events into",
        )
    }

    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        let default = match self.auto_event_type {
            true => "cloud.aws.cloudwatch.{event_type}.{account}.{region}",
            false => "cloud.aws.cloudwatch.events.{account}.{region}",
        };
        tag_template("tag", self.tag.as_deref(), default, "events")
    }
}
