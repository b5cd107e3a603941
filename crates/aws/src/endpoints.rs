//! Where the APIs are, if not where AWS's own rules say.

use std::collections::BTreeMap;

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// Endpoints of a user's own. A URL may hold `{region}`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endpoints {
    /// One for all services.
    pub all: Option<String>,
    /// Those of single services, by their names in endpoints, as in `sqs` or `logs`; they win.
    pub services: BTreeMap<String, String>,
    /// Whether AWS's endpoints with FIPS 140 cryptography are used.
    pub fips: bool,
    /// Whether AWS's endpoints for IPv4 and IPv6 are used.
    pub dual_stack: bool,
}

/// The names of services in endpoints, and the SDK's ids of them.
const SERVICES: [(&str, &str); 9] = [
    ("cloudtrail", "CloudTrail"),
    ("events", "EventBridge"),
    ("guardduty", "GuardDuty"),
    ("logs", "CloudWatch Logs"),
    ("monitoring", "CloudWatch"),
    ("organizations", "Organizations"),
    ("s3", "S3"),
    ("sqs", "SQS"),
    ("sts", "STS"),
];

impl Endpoints {
    /// One endpoint for everything, if any.
    pub fn all_at(url: Option<String>) -> Endpoints {
        Endpoints { all: url, ..Endpoints::default() }
    }

    /// The names that `services` may have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SERVICES.iter().map(|(name, _)| *name)
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.all.is_some() || !self.services.is_empty()
    }

    pub(crate) fn of(&self, service: &str, region: &str) -> Option<String> {
        let url = self.services.get(service).or(self.all.as_ref())?;
        Some(url.replace("{region}", region))
    }

    pub(crate) fn in_region(&self, region: &str) -> InRegion {
        InRegion { endpoints: self.clone(), region: region.to_owned() }
    }
}

/// The same as each of the SDK's clients asks for it.
#[derive(Debug)]
pub(crate) struct InRegion {
    endpoints: Endpoints,
    region: String,
}

impl LoadServiceConfig for InRegion {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = SERVICES.iter().find(|(_, id)| *id == key.service_id()).map_or("", |(name, _)| name);
        (key.profile() == "endpoint_url").then(|| self.endpoints.of(service, &self.region)).flatten()
    }
}
