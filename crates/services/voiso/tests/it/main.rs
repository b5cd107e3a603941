//! What a configuration becomes, and what arrives of a queue's messages.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod arriving;
mod planning;

use std::sync::Arc;

use quittance_aws::{Account, AccountSettings, Credentials, Limiters, ServiceKind};
use quittance_core::{SystemClock, Unit};
use quittance_testbed::aws::FakeAws;
use quittance_voiso::Voiso;
use serde_json::Value;

async fn account(aws: &FakeAws) -> Arc<Account> {
    let settings = AccountSettings {
        id: "10001".to_owned(),
        credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
        // Not AWS's own, so that buckets are asked for by path.
        endpoint_url: Some("https://aws.test".to_owned()),
        http: aws.http_client(),
        clock: Arc::new(SystemClock),
        limiters: Limiters::default(),
        call_limits: Vec::new(),
    };
    Arc::new(Account::new(settings).await)
}

/// The units of a configuration, or what is wrong with it.
async fn units(config: Value, aws: &FakeAws) -> Result<Vec<Unit>, String> {
    let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    Voiso.plan(config, &account(aws).await).map_err(|error| error.to_string())
}
