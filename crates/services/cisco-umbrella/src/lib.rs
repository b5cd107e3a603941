//! `cisco-umbrella`: logs that Cisco Umbrella writes into S3.

mod folders;
mod logs;
mod rows;

use std::sync::Arc;

use quittance_aws::{
    Account, KeyFilter, Limits, OnMissingObject, PlanError, ServiceDescription, ServiceKind, TagTemplate,
    TypeDescription, objects::ObjectsSettings, queue_name, regions, tag_template,
};
use quittance_core::{Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use folders::UNKNOWN;
use logs::Logs;

/// The service.
pub struct CiscoUmbrella;

/// The section `cisco-umbrella`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CiscoUmbrella")]
pub struct Config {
    /// Name or URL of the queue that announces the objects.
    pub cisco_umbrella_sqs_queue_name: String,
    /// Regions of the queue; one unit each.
    #[schemars(extend("examples" = [["us-west-1"]]))]
    pub regions: Vec<String>,
    /// Accepted as Devo's collector has it: an object's folder says its table anyway.
    #[serde(default)]
    pub auto_event_type: bool,
    /// A regular expression; only objects whose key it matches are read.
    pub s3_file_type_filter: Option<String>,
    /// What becomes of an object that is announced, and is still not there after 15 minutes.
    #[serde(default)]
    pub on_missing_object: OnMissingObject,
    /// Devo's time between two pulls. Here a queue is read as soon as something is in it; this changes nothing.
    pub request_period_in_seconds: Option<Interval>,
    /// Devo's first moment to collect. Everything that the queue announces is read; this changes nothing.
    pub start_time: Option<String>,
    /// An event longer than this, in bytes, is set aside instead of sent. 1 MiB if unset.
    pub max_event_bytes: Option<usize>,
    /// How long a message is hidden from others at a time while it is worked on: at least the queue's own timeout, and 5
    /// minutes if unset.
    pub visibility_timeout: Option<Interval>,
    /// A tag of one's own, with `{event_type}` filled in for each object, and `{account}` and `{region}` of the queue.
    pub tag: Option<String>,
}

impl ServiceKind for CiscoUmbrella {
    type Config = Config;

    const NAME: &'static str = "cisco-umbrella";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "logs of Cisco Umbrella in S3, told apart by folder",
            types: &[
                TypeDescription { name: "dnslogs", engine: "objects", table: "sig.cisco.umbrella.dns" },
                TypeDescription { name: "iplogs", engine: "objects", table: "sig.cisco.umbrella.ip" },
                TypeDescription { name: "proxylogs", engine: "objects", table: "sig.cisco.umbrella.proxy" },
                TypeDescription { name: "firewalllogs", engine: "objects", table: "sig.cisco.umbrella.firewall" },
                TypeDescription { name: "auditlogs", engine: "objects", table: "sig.cisco.umbrella.audit" },
                TypeDescription { name: "intrusionlogs", engine: "objects", table: "sig.cisco.umbrella.intrusion" },
                TypeDescription { name: "dlplogs", engine: "objects", table: "sig.cisco.umbrella.dlp" },
            ],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let name = Some(config.cisco_umbrella_sqs_queue_name.as_str());
        let queue = queue_name("cisco_umbrella_sqs_queue_name", name, "the queue that announces the objects")?;
        let template = config.tag_template()?;
        let tag = template.to_string();
        let kind = Arc::new(Logs::new(template, KeyFilter::new(config.s3_file_type_filter.as_deref())?));
        let limits = Limits { on_missing_object: config.on_missing_object, ..Limits::of_objects() }
            .with(config.max_event_bytes, config.visibility_timeout);
        let unit = |region: String| {
            let settings = ObjectsSettings { queue: queue.clone(), region, kind: kind.clone(), limits: limits.clone() };
            settings.unit(account, Self::NAME, "queue", tag.clone())
        };
        Ok(regions(&config.regions)?.into_iter().map(unit).collect())
    }
}

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        tag_template("tag", self.tag.as_deref(), "sig.cisco.umbrella.{event_type}", UNKNOWN)
    }
}
