//! STS, as the SDK's own provider of role credentials uses it.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use quittance_testbed::aws::{FakeAws, QueueSettings};

use crate::sdk;

const ROLE: &str = "arn:aws:iam::444455556666:role/reader";

async fn provider(aws: &FakeAws, external_id: &str) -> AssumeRoleProvider {
    let base = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .http_client(aws.http_client())
        .time_source(aws.time_source())
        .no_credentials()
        .load()
        .await;
    AssumeRoleProvider::builder(ROLE)
        .external_id(external_id)
        .session_name("quittance")
        .session_length(Duration::from_secs(900))
        .configure(&base)
        .build_from_provider(sdk::credentials())
        .await
}

#[tokio::test(start_paused = true)]
async fn a_role_gives_credentials_that_expire() {
    let aws = FakeAws::new(1);
    aws.create_queue("q", QueueSettings::default());
    aws.allow_access_keys([sdk::ACCESS_KEY]);
    let credentials = provider(&aws, "any").await.provide_credentials().await.unwrap();
    assert!(credentials.access_key_id().starts_with("ASIA"));
    let left = jiff::Timestamp::try_from(credentials.expiry().unwrap()).unwrap() - aws.now();
    assert_eq!(left.get_seconds(), 899, "milliseconds are cut off");

    let sqs =
        aws_sdk_sqs::Client::from_conf(sdk::sqs(&aws).config().to_builder().credentials_provider(credentials).build());
    let receive = || sqs.receive_message().queue_url(aws.queue_url("q")).send();
    receive().await.unwrap();
    aws.expire_sessions();
    assert_eq!(receive().await.unwrap_err().code(), Some("ExpiredToken"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_external_id_is_refused() {
    let aws = FakeAws::new(1);
    aws.add_role(ROLE, Some("right"));
    provider(&aws, "right").await.provide_credentials().await.unwrap();
    let error = provider(&aws, "wrong").await.provide_credentials().await.unwrap_err();
    assert!(format!("{error:?}").contains("AccessDenied"), "{error:?}");
    assert_eq!(aws.calls_with("AssumeRole", "AccessDenied"), 1);
    // The SDK tries three times here.
    aws.fail_next("AssumeRole", 3, 400, "Throttling");
    provider(&aws, "right").await.provide_credentials().await.unwrap_err();
    assert_eq!(aws.calls_with("AssumeRole", "Throttling"), 3);
}
