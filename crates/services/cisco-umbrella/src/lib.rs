//! `cisco-umbrella`: logs that Cisco Umbrella writes into S3.

mod bucket;
mod folders;
mod logs;
mod rows;

use std::{sync::Arc, time::Duration};

use quittance_aws::{
    Account, Limits, ObjectKeys, PlanError, QueueKeys, Reads, ServiceDescription, ServiceKind, Source, TagTemplate,
    TypeDescription, Writer, listing::ListingSettings, objects::ObjectsSettings, queue_name, regions, tag_template,
    windows::start_time,
};
use quittance_core::{Finding, Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use bucket::{Folders, KeyAge};
use folders::UNKNOWN;
use logs::Logs;

/// Time between two listings, at least: a bucket gets new objects every ten minutes.
const SHORTEST_PERIOD: Duration = Duration::from_secs(10);

/// Who writes into a bucket of one's own, as Umbrella's documentation says.
const WRITER: Writer = Writer::Stranger { name: "Umbrella", user: "arn:aws:iam::568526795995:user/logs" };

/// The service.
pub struct CiscoUmbrella;

/// The section `cisco-umbrella`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CiscoUmbrella")]
pub struct Config {
    /// Name or URL of the queue that announces the objects. Either this or `bucket`.
    pub cisco_umbrella_sqs_queue_name: Option<String>,
    /// A bucket that announces nothing, as those that Cisco manages: it is listed again and again. Its name, or with its
    /// prefix as Umbrella shows it.
    #[schemars(extend("examples" = ["cisco-managed-us-west-1", "s3://cisco-managed-us-west-1/8234970_0a1b2c3d"]))]
    pub bucket: Option<String>,
    /// Where in that bucket the folders of logs are.
    #[schemars(extend("examples" = ["8234970_0a1b2c3d"]))]
    pub prefix: Option<String>,
    /// How many days before today are listed again each time, for objects that come late. 2 if unset.
    pub lookback_days: Option<u16>,
    /// The day on which the access key was made: a key that is older than 75 days is warned of, for Cisco refuses keys of its
    /// buckets after 90.
    #[schemars(extend("examples" = ["2026-01-15"]))]
    pub access_key_created: Option<String>,
    /// Regions of the queue; one unit each. Or the bucket's one region.
    #[schemars(extend("examples" = [["us-west-1"]]))]
    pub regions: Vec<String>,
    /// Time between two listings of a bucket: 5 minutes if unset, and 10 seconds at least. A queue is read as soon as
    /// something is in it.
    pub request_period_in_seconds: Option<Interval>,
    /// The first day of a bucket that was never listed before, with or without a time. Of a queue, the first moment to
    /// collect: events of objects that were made earlier are filtered; if unset, all that it announces is sent.
    pub start_time: Option<String>,
    /// Accepted as Devo's collector has it: an object's folder says its table anyway.
    #[serde(default)]
    pub auto_event_type: bool,
    /// The queue.
    #[serde(flatten)]
    pub queue: QueueKeys,
    /// The objects.
    #[serde(flatten)]
    pub objects: ObjectKeys,
    /// A tag of one's own, with `{event_type}` filled in for each object, and `{account}` and `{region}` of the queue.
    pub tag: Option<String>,
}

impl ServiceKind for CiscoUmbrella {
    type Config = Config;

    const NAME: &'static str = "cisco-umbrella";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "logs of Cisco Umbrella in S3, told apart by folder",
            codes: bucket::CODES,
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
        let queue = filled(&config.cisco_umbrella_sqs_queue_name);
        let mut units = match filled(&config.bucket) {
            Some(_) if queue.is_some() => {
                let problem = "a queue announces the objects, or a bucket is listed: leave out one of them";
                return Err(PlanError::new("bucket", problem));
            }
            Some(bucket) => vec![config.listing(bucket, account)?],
            None => config.announced(queue, account)?,
        };
        if let Some(created) = bucket::day("access_key_created", config.access_key_created.as_deref())? {
            for (unit, region) in units.iter_mut().zip(regions(&config.regions)?) {
                let (other, account) = (unit.setup.clone(), account.clone());
                unit.setup = Arc::new(KeyAge { other, account, region, created });
            }
        }
        Ok(units)
    }

    fn advice(&self, config: &Config) -> Vec<(&'static str, Finding)> {
        let usual = ["dnslogs", "proxylogs", "firewalllogs", "auditlogs"]
            .map(|folder| format!("1234567_0a1b2c3d4e5f/{folder}/2026-01-15/2026-01-15-12-10-0a1b.csv.gz"));
        let found = config.objects.filter().ok().and_then(|filter| filter.advice(&usual));
        found.map(|found| ("s3_file_type_filter", found)).into_iter().collect()
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let regions = regions(&config.regions)?;
        if let Some(bucket) = filled(&config.bucket) {
            let (bucket, prefix) = bucket::place(bucket, config.prefix.as_deref())?;
            let reads = Reads::Listing { bucket, prefix, kms_keys: config.queue.kms_keys()? };
            return Ok(vec![Source { regions, reads }]);
        }
        let queue = config.queue_name(filled(&config.cisco_umbrella_sqs_queue_name))?;
        Ok(vec![config.queue.source(&regions, &queue, config.objects.fed(WRITER)?)?])
    }
}

/// What was written, if anything was.
fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        tag_template("tag", self.tag.as_deref(), "sig.cisco.umbrella.{event_type}", UNKNOWN)
    }

    fn queue_name(&self, queue: Option<&str>) -> Result<String, PlanError> {
        let why = "the queue that announces the objects, or `bucket` for one that announces nothing";
        queue_name("cisco_umbrella_sqs_queue_name", queue, &self.regions, why)
    }

    fn logs(&self) -> Result<Arc<Logs>, PlanError> {
        Ok(Arc::new(Logs::new(self.tag_template()?, self.objects.filter()?)))
    }

    /// The units that read what a queue announces.
    fn announced(&self, queue: Option<&str>, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let queue = self.queue_name(queue)?;
        let (kind, tag) = (self.logs()?, self.tag_template()?.to_string());
        let start_time = start_time(self.start_time.as_deref())?;
        let limits = Limits { start_time, ..self.objects.limits(&self.queue)? };
        let unit = |region: String| {
            let settings = ObjectsSettings {
                queue: queue.clone(),
                region,
                buckets: self.objects.buckets.clone(),
                kind: kind.clone(),
                limits: limits.clone(),
            };
            settings.unit(account, CiscoUmbrella::NAME, "queue", tag.clone())
        };
        Ok(regions(&self.regions)?.into_iter().map(unit).collect())
    }

    /// The unit that lists a bucket.
    fn listing(&self, bucket: &str, account: &Arc<Account>) -> Result<Unit, PlanError> {
        let (name, root) = bucket::place(bucket, self.prefix.as_deref())?;
        let [region] = &*regions(&self.regions)? else {
            return Err(PlanError::new("regions", "a bucket is in one region: expected that one alone"));
        };
        let usual = ListingSettings::new(name, region.clone(), Arc::new(Folders { root }), self.logs()?);
        let settings = ListingSettings {
            limits: Limits { receivers: usual.limits.receivers, ..self.objects.limits(&self.queue)? },
            period: self.request_period_in_seconds.map_or(usual.period, |period| period.0.max(SHORTEST_PERIOD)),
            lookback_days: self.lookback_days.unwrap_or(usual.lookback_days),
            start: bucket::day("start_time", self.start_time.as_deref())?,
            ..usual
        };
        Ok(settings.unit(account, CiscoUmbrella::NAME, "bucket", self.tag_template()?.to_string()))
    }
}
