//! `voiso`: security events of Voiso's contact centres, which Voiso puts into a queue itself.

mod security;

use std::sync::Arc;

use quittance_aws::{
    Account, Fed, Limits, PlanError, QueueKeys, QueueOnlyKeys, ServiceDescription, ServiceKind, Source, TagTemplate,
    TypeDescription, queue::QueueSettings, queue_name, tag_template,
};
use quittance_core::Unit;
use schemars::JsonSchema;
use serde::Deserialize;

use security::{SecurityEvents, UNKNOWN};

/// The service.
pub struct Voiso;

/// The section `voiso`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Voiso")]
pub struct Config {
    /// Name or URL of the queue that Voiso sends to; the same name in every region.
    pub voiso_sqs_queue_name: String,
    /// What services have in common that read queues alone.
    #[serde(flatten)]
    pub only: QueueOnlyKeys,
    /// The queues.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// A tag of one's own, with `{event_type}`, `{account}` and `{region}` filled in for each event.
    pub tag: Option<String>,
}

impl ServiceKind for Voiso {
    type Config = Config;

    const NAME: &'static str = "voiso";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "security events of Voiso",
            codes: &[],
            types: &[
                TypeDescription { name: "app_login", engine: "queue", table: "my.app.voiso.app_login" },
                TypeDescription { name: "user", engine: "queue", table: "my.app.voiso.user" },
                TypeDescription { name: "allowed_ip", engine: "queue", table: "my.app.voiso.allowed_ip" },
            ],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let queue = config.queue_name()?;
        let template = config.tag_template()?;
        let tag = template.to_string();
        let limits = config.only.limits(config.queue.limits(Limits::of_bodies())?)?;
        let regions = config.only.regions()?;
        let kind = Arc::new(SecurityEvents { template });
        let unit = |region: String| {
            let settings = QueueSettings { queue: queue.clone(), region, kind: kind.clone(), limits: limits.clone() };
            settings.unit(account, Self::NAME, tag.clone())
        };
        Ok(regions.into_iter().map(unit).collect())
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let fed = Fed::Program { name: Self::NAME };
        Ok(vec![config.queue.source(&config.only.regions()?, &config.queue_name()?, fed)?])
    }
}

impl Config {
    fn queue_name(&self) -> Result<String, PlanError> {
        let name = Some(self.voiso_sqs_queue_name.as_str());
        queue_name("voiso_sqs_queue_name", name, &self.only.regions, "the queue that Voiso sends to")
    }

    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        tag_template("tag", self.tag.as_deref(), "my.app.voiso.{event_type}", UNKNOWN)
    }
}
