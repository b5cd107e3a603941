//! The machine's own credentials: environment, profile, web identity, container and pod identity, instance.

use std::sync::Arc;

use aws_config::{Region, default_provider::credentials::DefaultCredentialsChain, provider_config::ProviderConfig};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SharedTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use quittance_core::Clock;

use super::Kept;

/// Finds them as every program of AWS does, and keeps them.
pub(crate) async fn ambient(
    region: &str,
    http: SharedHttpClient,
    time: SharedTimeSource,
    clock: Arc<dyn Clock>,
) -> Kept {
    let region = Region::new(region.to_owned());
    let config = ProviderConfig::without_region()
        .with_http_client(http)
        .with_time_source(time)
        .with_sleep_impl(TokioSleep::new());
    let chain = DefaultCredentialsChain::builder().configure(config).region(region).build().await;
    Kept::new("this machine".to_owned(), chain, None, clock)
}
