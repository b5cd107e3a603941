//! `custom-logs`: log groups of CloudWatch, by FilterLogEvents. A section of any name is of this kind if it has
//! `types: [logs]`.

mod codes;
mod event;
mod groups;
mod logs;

use std::sync::Arc;

use quittance_aws::{
    Account, On, PlanError, Reads, ServiceDescription, ServiceKind, Source, TagTemplate, TypeDescription, regions,
    tag_template,
    windows::{WindowSettings, past_start_time},
};
use quittance_core::{Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

pub use event::EventFormat;

use groups::{Name, Wanted};
use logs::Logs;

/// The service.
pub struct CustomLogs;

/// A section with `types: [logs]`, whatever its name.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CustomLogs")]
pub struct Config {
    /// `logs`: what makes a section of any name one that reads log groups.
    #[serde(default = "logs_alone")]
    pub types: Vec<Type>,
    /// Names of the log groups; one that ends in `*` stands for all that begin so, `*` alone for all there are. Groups that
    /// come into being later are found.
    #[schemars(extend("examples" = [["/aws/lambda/*"]]))]
    pub log_groups: Vec<String>,
    /// Regions of the log groups; one unit each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Whether groups of accounts that are linked to this one (CloudWatch's cross-account observability) are read too.
    #[serde(default)]
    pub include_linked_accounts: bool,
    /// Only events that match this filter pattern of CloudWatch are read; everything if unset.
    #[schemars(extend("examples" = ["?ERROR ?WARN"]))]
    pub filter_pattern: Option<String>,
    /// What is sent of an event.
    #[serde(default)]
    pub event_format: EventFormat,
    /// The time between two pulls; a minute if unset.
    pub request_period_in_seconds: Option<Interval>,
    /// The first moment to collect. If unset, when the collector first ran.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub start_time: Option<String>,
    /// An event longer than this, in bytes, is set aside instead of sent. 1 MiB if unset.
    pub max_event_bytes: Option<usize>,
    /// A tag of one's own; `{account}` and `{region}` are those of the log group.
    pub tag: Option<String>,
}

/// The one type that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CustomLogsType")]
pub enum Type {
    /// Events of log groups.
    Logs,
}

fn logs_alone() -> Vec<Type> {
    vec![Type::Logs]
}

impl ServiceKind for CustomLogs {
    type Config = Config;

    const NAME: &'static str = "custom-logs";

    const FREE_TYPE: Option<&'static str> = Some(LOGS);

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "log groups of CloudWatch; a section of any name with `types: [logs]`",
            codes: codes::CODES,
            types: &[TypeDescription { name: LOGS, engine: "windows", table: "cloud.aws.cloudwatch.logs" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        self.plan_as(Self::NAME, config, account)
    }

    fn plan_as(&self, name: &str, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        if config.types.is_empty() {
            return Err(PlanError::new("types", "expected `logs`"));
        }
        let wanted = Wanted::new(&config.log_groups, config.include_linked_accounts)?;
        let template = config.tag_template()?;
        let tag = template.to_string();
        let start_time = past_start_time(config.start_time.as_deref(), account)?;
        let unit = |region: String| {
            let kind = Arc::new(Logs::new(&config, wanted.clone(), template.clone(), account, &region));
            let mut settings = WindowSettings { start_time, ..WindowSettings::new(&region, kind) };
            settings.max_event_bytes = config.max_event_bytes.unwrap_or(settings.max_event_bytes);
            settings.unit(account, name, LOGS, tag.clone())
        };
        Ok(regions(&config.regions)?.into_iter().map(unit).collect())
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let wanted = Wanted::new(&config.log_groups, config.include_linked_accounts)?;
        let names = wanted.names.iter().map(|name| match name {
            Name::Exact(name) => name.clone(),
            Name::Prefix(prefix) => format!("{prefix}*"),
        });
        let on = On::LogGroups { names: names.collect(), linked: wanted.linked };
        let filter = Reads::Api { actions: &["logs:FilterLogEvents"], on };
        let found = wanted.linked || wanted.names.iter().any(|name| matches!(name, Name::Prefix(_)));
        let describe = found.then_some(Reads::Api { actions: &["logs:DescribeLogGroups"], on: On::Region });
        let regions = regions(&config.regions)?;
        let sources = [filter].into_iter().chain(describe);
        Ok(sources.map(|reads| Source { regions: regions.clone(), reads }).collect())
    }
}

const LOGS: &str = "logs";

impl Config {
    fn tag_template(&self) -> Result<TagTemplate, PlanError> {
        tag_template("tag", self.tag.as_deref(), "cloud.aws.cloudwatch.logs.{account}.{region}", LOGS)
    }
}
