//! Every service there is. A new one is a line here.

use std::sync::Arc;

use quittance_audit_events_all::AuditEventsAll;
use quittance_aws::{Account, ServiceKind};
use quittance_core::Unit;

use crate::CollectorError;

/// The services, one line each.
pub fn catalogue() -> Vec<Box<dyn Service>> {
    vec![Box::new(AuditEventsAll)]
}

/// A service without its type.
pub trait Service: Send + Sync {
    /// Its name in a configuration.
    fn name(&self) -> &'static str;

    /// The units that the section at `at` asks for.
    fn plan(&self, at: &str, section: serde_yaml::Value, account: &Arc<Account>) -> Result<Vec<Unit>, CollectorError>;
}

impl<K: ServiceKind> Service for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn plan(&self, at: &str, section: serde_yaml::Value, account: &Arc<Account>) -> Result<Vec<Unit>, CollectorError> {
        let config =
            serde_yaml::from_value(section).map_err(|source| CollectorError::Section { at: at.to_owned(), source })?;
        ServiceKind::plan(self, config, account).map_err(|source| CollectorError::Plan { at: at.to_owned(), source })
    }
}
