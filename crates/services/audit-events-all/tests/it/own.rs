//! The collector's own reads among the records of a trail (`types: [audits_s3]`).

use std::sync::Arc;

use quittance_audit_events_all::AuditEventsAll;
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, Role, ServiceKind};
use quittance_core::{SystemClock, Unit};
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, REGION, Shape},
    generate::gzip,
    log::Log,
    unit::{Arrived, run_until_empty},
};
use serde_json::{Value, json};

const QUEUE: &str = "trail";
pub(crate) const BUCKET: &str = "logs";

const USER: &str = "arn:aws:iam::111122223333:user/AKIATEST";
const ROLE: &str = "arn:aws:sts::444455556666:assumed-role/reader/another-session";

pub(crate) fn aws() -> FakeAws {
    let aws = FakeAws::new(7);
    aws.create_queue(QUEUE, QueueSettings::default());
    aws.notify(BUCKET, QUEUE, Shape::S3Event);
    aws
}

pub(crate) async fn account(aws: &FakeAws) -> Account {
    let settings = AccountSettings {
        id: "10001".to_owned(),
        credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
        endpoint_url: Some("https://aws.test".to_owned()),
        http: aws.http_client(),
        clock: Arc::new(SystemClock),
        limiters: Limiters::default(),
        call_limits: Vec::new(),
    };
    Account::new(settings).await
}

pub(crate) fn unit(account: Account, more: Value) -> Unit {
    let mut config = json!({"types": ["audits_s3"], "audit_sqs_queue_name": QUEUE, "regions": [REGION]});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    AuditEventsAll.plan(serde_json::from_value(config).unwrap(), &Arc::new(account)).unwrap().remove(0)
}

fn record(arn: &str, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","arn":"{arn}","accountId":"111122223333"}},"eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1"}}"#
    )
}

/// Runs a unit on what these records are.
async fn run(aws: &FakeAws, unit: &Unit, records: &[String]) -> Arrived {
    let object = format!("{{\"Records\":[{}]}}", records.join(","));
    aws.put_object(
        BUCKET,
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/15/x.json.gz",
        gzip(object.as_bytes(), 6),
    );
    run_until_empty(unit, aws, QUEUE).await
}

#[tokio::test(start_paused = true)]
async fn own_reads_are_dropped_and_counted_and_all_else_is_sent() {
    let sent = [
        record(USER, "PutObject"),
        record("arn:aws:iam::111122223333:user/AKIATEST2", "GetObject"),
        record(ROLE, "GetObject"),
        r#"{"eventName":"GetObject"}"#.to_owned(),
    ];
    let own = ["GetObject", "ReceiveMessage", "DeleteMessageBatch", "Decrypt", "LookupEvents"];
    let records: Vec<_> = own.map(|name| record(USER, name)).into_iter().chain(sent.clone()).collect();
    let aws = aws();
    let arrived = run(&aws, &unit(account(&aws).await, json!({"drop_own_calls": true})), &records).await;
    let mut expected = sent.to_vec();
    expected.sort();
    let mut texts: Vec<_> = arrived.events.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, expected);
    assert_eq!((arrived.counts.filtered, arrived.counts.pulled), (own.len() as u64, records.len() as u64));
    assert_eq!(aws.calls("GetCallerIdentity"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_roles_reads_are_its_own_whatever_its_session_is_called() {
    let aws = aws();
    let role = Role::new(("role", "id"), "arn:aws:iam::444455556666:role/path/reader", None).unwrap();
    let member = account(&aws).await.in_role("10001/444455556666".to_owned(), &role);
    let unit = unit(member, json!({"drop_own_calls": true}));
    let arrived = run(&aws, &unit, &[record(ROLE, "GetObject"), record(USER, "GetObject")]).await;
    assert_eq!(arrived.events.len(), 1);
    assert_eq!(arrived.events[0].1, record(USER, "GetObject"));
}

/// Nothing is dropped by default, and one line says what happens.
#[tokio::test(start_paused = true)]
async fn own_reads_that_are_not_dropped_are_warned_of_once() {
    let (log, _guard) = Log::keep();
    let aws = aws();
    let records = [record(USER, "GetObject"), record(USER, "GetObject"), record(ROLE, "GetObject")];
    let unit = unit(account(&aws).await, json!({}));
    assert_eq!(run(&aws, &unit, &records).await.events.len(), 3);
    assert_eq!(log.lines_with("a trail records what this collector reads").len(), 1);
    assert_eq!(log.lines_with("SetupError136").len(), 1);
}

/// Who may not be asked who we are reads nevertheless, if nothing hangs on it.
#[tokio::test(start_paused = true)]
async fn a_trail_is_read_without_sts_unless_own_reads_are_dropped() {
    let aws = aws();
    aws.fail_while("GetCallerIdentity", "AccessDenied");
    let unit = unit(account(&aws).await, json!({}));
    assert_eq!(run(&aws, &unit, &[record(USER, "GetObject")]).await.events.len(), 1);
}
