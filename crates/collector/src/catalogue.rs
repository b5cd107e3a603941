//! Every service there is. A new one is a line here.

use std::sync::Arc;

use quittance_audit_events_all::AuditEventsAll;
use quittance_aws::{Account, ServiceDescription, ServiceKind, Source};
use quittance_aws_guardduty::AwsGuardduty;
use quittance_cisco_umbrella::CiscoUmbrella;
use quittance_core::{Finding, Unit};
use quittance_custom_logs::CustomLogs;
use quittance_metrics_all::MetricsAll;
use quittance_non_cloudwatch_logs::NonCloudwatchLogs;
use quittance_service_events_all::ServiceEventsAll;
use quittance_sqs_cloudwatch_consumer::SqsCloudwatchConsumer;
use quittance_voiso::Voiso;
use schemars::{Schema, SchemaGenerator};

use crate::{Problem, Section};

/// The services, one line each.
pub fn catalogue() -> Vec<Box<dyn Service>> {
    vec![
        Box::new(ServiceEventsAll),
        Box::new(SqsCloudwatchConsumer),
        Box::new(AuditEventsAll),
        Box::new(MetricsAll),
        Box::new(NonCloudwatchLogs),
        Box::new(CustomLogs),
        Box::new(AwsGuardduty),
        Box::new(CiscoUmbrella),
        Box::new(Voiso),
    ]
}

/// The service that a section of this name is for: by the name itself, or by its type.
pub(crate) fn service_of(name: &str, section: &Section) -> Option<Box<dyn Service>> {
    let services = catalogue();
    let by_name = services.iter().position(|service| service.name() == name);
    let is_free = |of: &str| section.node.lists("types", of);
    let by_type = || services.iter().position(|service| service.free_type().is_some_and(is_free));
    by_name.or_else(by_type).and_then(|index| services.into_iter().nth(index))
}

/// A service without its type.
pub trait Service: Send + Sync {
    /// Its name in a configuration.
    fn name(&self) -> &'static str;

    /// The type that a section of any other name has to be of this kind, if one may.
    fn free_type(&self) -> Option<&'static str>;

    /// What it reads and where that goes.
    fn describe(&self) -> ServiceDescription;

    /// The schema of its section.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// The units that its section of that name asks for.
    fn plan(&self, name: &str, section: &Section, account: &Arc<Account>) -> Result<Vec<Unit>, Problem>;

    /// What its section reads at AWS.
    fn sources(&self, section: &Section) -> Result<Vec<Source>, Problem>;

    /// What the regions of its section will hurt later, if that can be planned.
    fn advice(&self, section: &Section) -> Vec<(&'static str, Finding)>;
}

impl<K: ServiceKind> Service for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn free_type(&self) -> Option<&'static str> {
        K::FREE_TYPE
    }

    fn describe(&self) -> ServiceDescription {
        ServiceKind::describe(self)
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<K::Config>()
    }

    fn plan(&self, name: &str, section: &Section, account: &Arc<Account>) -> Result<Vec<Unit>, Problem> {
        let config = section.read()?;
        // What only permissions are made of is wrong or right before they are asked for.
        let checked = ServiceKind::sources(self, &config).and_then(|_| self.plan_as(name, config, account));
        checked.map_err(|error| section.locate(error))
    }

    fn sources(&self, section: &Section) -> Result<Vec<Source>, Problem> {
        ServiceKind::sources(self, &section.read()?).map_err(|error| section.locate(error))
    }

    fn advice(&self, section: &Section) -> Vec<(&'static str, Finding)> {
        section.read().map(|config| ServiceKind::advice(self, &config)).unwrap_or_default()
    }
}
