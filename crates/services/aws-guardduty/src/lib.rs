//! `aws-guardduty`: GuardDuty's findings, by its API.

mod findings;
mod response;

use std::{sync::Arc, time::Duration};

use aws_sdk_guardduty::Client;
use quittance_aws::{
    Account, On, PlanError, Reads, ServiceDescription, ServiceKind, Source, TypeDescription, regions, tag_template,
    windows::{WindowSettings, past_start_time},
};
use quittance_core::{Interval, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use findings::Findings;

/// The service.
pub struct AwsGuardduty;

/// The section `aws-guardduty`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AwsGuardduty")]
pub struct Config {
    /// Regions whose detectors are asked; one unit each.
    #[schemars(extend("examples" = [["eu-west-1"]]))]
    pub regions: Vec<String>,
    /// Whether archived findings are sent too, those that suppression rules archive among them.
    #[serde(default = "yes")]
    pub archived: bool,
    /// The time between two pulls; 5 minutes if unset.
    pub request_period_in_seconds: Option<Interval>,
    /// The first moment to collect; GuardDuty knows 90 days. If unset, when the collector first ran.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub start_time: Option<String>,
    /// A finding longer than this, in bytes, is set aside instead of sent. 1 MiB if unset.
    pub max_event_bytes: Option<usize>,
    /// A tag of one's own, with `{account}` and `{region}` of each finding filled in.
    pub tag: Option<String>,
}

fn yes() -> bool {
    true
}

impl ServiceKind for AwsGuardduty {
    type Config = Config;

    const NAME: &'static str = "aws-guardduty";

    fn describe(&self) -> ServiceDescription {
        ServiceDescription {
            summary: "GuardDuty's findings",
            codes: findings::CODES,
            types: &[TypeDescription { name: "", engine: "windows", table: "cloud.aws.guardduty.findings" }],
        }
    }

    fn plan(&self, config: Config, account: &Arc<Account>) -> Result<Vec<Unit>, PlanError> {
        let default = "cloud.aws.guardduty.findings.{account}.{region}";
        let template = tag_template("tag", config.tag.as_deref(), default, "findings")?;
        let start_time = past_start_time(config.start_time.as_deref(), account)?;
        let period = config.request_period_in_seconds.map_or(Duration::from_secs(300), |Interval(period)| period);
        let unit = |region: String| {
            let client = Client::new(&account.config(&region));
            let kind = Arc::new(Findings { client, template: template.clone(), archived: config.archived, period });
            let mut settings = WindowSettings { start_time, ..WindowSettings::new(&region, kind) };
            settings.max_event_bytes = config.max_event_bytes.unwrap_or(settings.max_event_bytes);
            settings.unit(account, Self::NAME, "findings", template.to_string())
        };
        Ok(regions(&config.regions)?.into_iter().map(unit).collect())
    }

    fn sources(&self, config: &Config) -> Result<Vec<Source>, PlanError> {
        let actions = &[
            "guardduty:ListDetectors",
            "guardduty:ListFindings",
            "guardduty:GetFindings",
            // These two tell whether findings come twice, and are missed by nothing else.
            "guardduty:GetAdministratorAccount",
            "guardduty:GetMembers",
        ];
        Ok(vec![Source { regions: regions(&config.regions)?, reads: Reads::Api { actions, on: On::Region } }])
    }
}
