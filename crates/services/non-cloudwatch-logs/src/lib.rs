//! `non-cloudwatch-logs`: logs that services write into S3 by themselves: VPC flow logs and CloudFront's access logs.

mod logs;

use std::sync::{Arc, atomic::AtomicBool};

use quittance_aws::{
    Account, ObjectKeys, PlanError, QueueKeys, QueueOnlyKeys, ServiceDescription, ServiceKind, Source, TypeDescription,
    Writer, listed, objects::ObjectsSettings, queue_name, tag_template,
};
use quittance_core::{Finding, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use logs::{CODES, LogType, Logs, Reading};

/// The service.
pub struct NonCloudwatchLogs;

/// The section `non-cloudwatch-logs`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NonCloudwatchLogs")]
pub struct Config {
    /// Which logs: `vpcflowlogs`, `cloudfront`.
    #[schemars(extend("examples" = [["vpcflowlogs", "cloudfront"]]))]
    pub types: Vec<String>,
    /// Name or URL of the queue that announces objects with VPC flow logs. It may be CloudFront's too.
    pub vpcflowlogs_sqs_queue_name: Option<String>,
    /// Name or URL of the queue that announces objects with CloudFront's access logs.
    pub cloudfront_sqs_queue_name: Option<String>,
    /// Accepted as Devo's collector has it: each of these logs has one table anyway.
    #[serde(default)]
    pub auto_event_type: bool,
    /// Whether account and region in the tag are those that an object's key names; otherwise those of the queue.
    #[serde(default = "yes")]
    pub use_region_and_account_id_from_event: bool,
    /// What services have in common that read queues alone.
    #[serde(flatten)]
    pub only: QueueOnlyKeys,
    /// The queues.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// The objects that they announce.
    #[serde(flatten)]
    pub objects: ObjectKeys,
    /// A tag of one's own, with `{account}` and `{region}` filled in for each object, if there is only one type.
    pub tag: Option<String>,
    /// A tag of one's own for VPC flow logs, with `{account}` and `{region}` filled in for each object.
    pub vpcflowlogs_tag: Option<String>,
    /// A tag of one's own for CloudFront's access logs, with `{account}` and `{region}` filled in for each object.
    pub cloudfront_tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for NonCloudwatchLogs {
    type Config = Config;

    const NAME: &'static str = "non-cloudwatch-logs";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "VPC flow logs and CloudFront access logs",
            codes: CODES,
            types: &[
                TypeDescription { name: "vpcflowlogs", engine: "objects", table: "cloud.aws.vpc.flow" },
                TypeDescription { name: "cloudfront", engine: "objects", table: "web.aws.cloudfront.accessW3c" },
            ],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let filter = config.objects.filter()?;
        let limits = config.only.limits(config.objects.limits(&config.queue)?)?;
        let regions = config.only.regions()?;
        let mut units = Vec::new();
        for (queue, readings) in config.queues()? {
            let of = readings.iter().map(|r| r.log.name()).collect::<Vec<_>>().join("+");
            let tag = readings.iter().map(|r| r.template.to_string()).collect::<Vec<_>>().join(", ");
            let from_key = config.use_region_and_account_id_from_event;
            let kind = Arc::new(Logs { readings, from_key, filter: filter.clone(), warned: AtomicBool::default() });
            units.extend(regions.iter().map(|region| {
                let (queue, region) = (queue.clone(), region.clone());
                let settings = ObjectsSettings {
                    queue,
                    region,
                    buckets: config.objects.buckets.clone(),
                    kind: kind.clone(),
                    limits: limits.clone(),
                };
                settings.unit(account, Self::NAME, &of, tag.clone())
            }));
        }
        Ok(units)
    }

    fn advice(&self, config: &Config) -> Vec<(&'static str, Finding)> {
        let Ok(queues) = config.queues() else { return Vec::new() };
        let regions = config.only.regions().unwrap_or_default();
        let types = queues.iter().flat_map(|(_, readings)| readings);
        let found = types.filter_map(|reading| config.objects.filter().ok()?.advice(&reading.log.usual_keys(&regions)));
        found.map(|found| ("s3_file_type_filter", found)).collect()
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let regions = config.only.regions()?;
        let mut sources = Vec::new();
        for (queue, readings) in config.queues()? {
            for reading in readings {
                let writer = match reading.log {
                    LogType::VpcFlow => Writer::FlowLogs,
                    LogType::CloudFront => Writer::CloudFront,
                };
                sources.push(config.queue.source(&regions, &queue, config.objects.fed(writer)?)?);
            }
        }
        Ok(sources)
    }
}

impl Config {
    /// What is read from each queue. Types that name the same queue are read by one unit: two would take each other's
    /// messages.
    fn queues(&self) -> Result<Vec<(String, Vec<Reading>)>, PlanError> {
        let types = listed("types", &self.types)?;
        if types.len() > 1 && self.tag.as_ref().is_some_and(|tag| !tag.is_empty()) {
            let problem = "one tag for several types: use `vpcflowlogs_tag` and `cloudfront_tag`";
            return Err(PlanError::new("tag", problem));
        }
        let mut queues: Vec<(String, Vec<Reading>)> = Vec::new();
        for name in types {
            let log = LogType::named(&name).ok_or_else(|| {
                let problem = format!("`{name}` is no type of this service: expected `vpcflowlogs` or `cloudfront`");
                PlanError::new("types", problem)
            })?;
            let (queue_key, queue, tag_key, tag) = match log {
                LogType::VpcFlow => (
                    "vpcflowlogs_sqs_queue_name",
                    &self.vpcflowlogs_sqs_queue_name,
                    "vpcflowlogs_tag",
                    &self.vpcflowlogs_tag,
                ),
                LogType::CloudFront => (
                    "cloudfront_sqs_queue_name",
                    &self.cloudfront_sqs_queue_name,
                    "cloudfront_tag",
                    &self.cloudfront_tag,
                ),
            };
            let why = format!("`{name}` needs the queue that announces its objects");
            let queue = queue_name(queue_key, queue.as_deref(), &self.only.regions, &why)?;
            let own = tag.as_deref().filter(|tag| !tag.is_empty()).or(self.tag.as_deref());
            let template = tag_template(tag_key, own, log.tag(), log.general())?;
            let own_tag = own.is_some_and(|tag| !tag.trim().is_empty());
            let reading = Reading { log, template, own_tag };
            match queues.iter_mut().find(|(other, _)| *other == queue) {
                Some((_, readings)) => readings.push(reading),
                None => queues.push((queue, vec![reading])),
            }
        }
        Ok(queues)
    }
}
