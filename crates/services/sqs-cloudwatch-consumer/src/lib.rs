//! `sqs-cloudwatch-consumer`: findings of Security Hub, as EventBridge rules put them into a queue.

mod findings;

use std::sync::Arc;

use quittance_aws::{
    Account, Fed, Limits, PlanError, QueueKeys, QueueOnlyKeys, ServiceDescription, ServiceKind, Source, TagTemplate,
    TypeDescription, queue::QueueSettings, queue_name, tag_template,
};
use quittance_core::Unit;
use schemars::JsonSchema;
use serde::Deserialize;

use findings::Findings;

/// The service.
pub struct SqsCloudwatchConsumer;

/// The section `sqs-cloudwatch-consumer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SqsCloudwatchConsumer")]
pub struct Config {
    /// Name or URL of the queue that EventBridge rules put Security Hub's events into; the same name in every region.
    pub cloudwatch_sqs_queue_name: String,
    /// Accepted as Devo's collector has it: findings have one table anyway.
    #[serde(default)]
    pub auto_event_type: bool,
    /// Whether account and region in the tag are those of the finding, or of the event that it stands in; otherwise those
    /// of the queue.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// What services have in common that read queues alone.
    #[serde(flatten)]
    pub only: QueueOnlyKeys,
    /// The queues.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// A tag of one's own, with `{account}` and `{region}` filled in for each finding.
    pub tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for SqsCloudwatchConsumer {
    type Config = Config;

    const NAME: &'static str = "sqs-cloudwatch-consumer";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "findings of Security Hub, through EventBridge",
            codes: &[],
            types: &[TypeDescription { name: "", engine: "queue", table: "cloud.aws.securityhub.findings" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let queue = config.queue_name()?;
        let template = config.tag_template()?;
        let tag = template.to_string();
        let limits = config.only.limits(config.queue.limits(Limits::of_bodies())?)?;
        let regions = config.only.regions()?;
        let kind = Arc::new(Findings { template, from_event: config.use_region_and_account_id_from_event });
        let unit = |region: String| {
            let settings = QueueSettings { queue: queue.clone(), region, kind: kind.clone(), limits: limits.clone() };
            settings.unit(account, Self::NAME, tag.clone())
        };
        Ok(regions.into_iter().map(unit).collect())
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let fed = Fed::Events { from: Some("aws.securityhub"), detail_types: &["Security Hub Findings - Imported"] };
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
            "the queue that EventBridge rules put Security Hub's events into",
        )
    }

    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        tag_template("tag", self.tag.as_deref(), "cloud.aws.securityhub.findings.{account}.{region}", "findings")
    }
}
