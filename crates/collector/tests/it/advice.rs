//! What a check says of a configuration before anything runs, all at once.

use std::sync::Arc;

use quittance_collector::{Reach, Report};
use quittance_core::{Random, SystemClock, World};
use quittance_devo::TcpDial;

use crate::support::without_code;

/// What is found without asking anybody, of inputs with these services.
async fn check(inputs: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let text = format!("globals: {{id: one, name: many}}\noutputs: {{out: {{type: console}}}}\ninputs:\n{inputs}");
    std::fs::write(&path, text).unwrap();
    let world = World { clock: Arc::new(SystemClock), random: Random::seeded(9) };
    let reach = Reach { world, http: None, dial: Arc::new(TcpDial::default()), online: false };
    let Report { problems, .. } = quittance_collector::check(&path, reach).await.unwrap();
    problems.all.iter().map(without_code).collect()
}

async fn service(section: &str) -> Vec<String> {
    let aws = "  aws:\n    id: 10001\n    credentials: {access_key: A, access_secret: s}\n    services:\n";
    let found = check(&format!("{aws}      {section}\n")).await.into_iter();
    found.map(|said| said.split_once(": ").map_or(said.clone(), |(_, said)| said.to_owned())).collect()
}

#[tokio::test]
async fn what_is_wrong_in_one_section_hides_nothing_of_the_others() {
    let told = check(
        "  one:
    id: 10001
    credentials: {access_key: A}
    services:
      voiso: {voiso_sqs_queue_name: q, regions: [Ireland]}
  two:
    id: 10002
    endpoint_url: [x]
    services:
      voiso: {voiso_sqs_queue_name: q, regions: eu-west-1}
      service-events-all: {cloudwatch_sqs_queue_name: a b, regions: [us-east-1]}
",
    )
    .await;
    let expected = [
        "6:20: error: inputs.one.credentials.access_key: stands without",
        "8:52: error: inputs.one.services.voiso.regions: `Ireland` is no region",
        "11:5: error: inputs.two.endpoint_url: expected text",
        "13:50: error: inputs.two.services.voiso.regions: expected a list",
        "14:56: error: inputs.two.services.service-events-all.cloudwatch_sqs_queue_name: `a b` is no queue",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (said, expected) in told.iter().zip(expected) {
        let (said, expected) = (said.split_once(": "), expected.split_once(": "));
        let (said, expected) = (said.unwrap().1, expected.unwrap().1);
        assert!(said.starts_with(expected), "{said}, and not {expected}");
    }
}

#[tokio::test]
async fn a_tag_of_more_levels_than_devos_is_warned_of() {
    let with = |tag: &str| format!("voiso: {{voiso_sqs_queue_name: q, regions: [eu-west-1], tag: '{tag}'}}");
    assert_eq!(service(&with("my.app.voiso.{event_type}.a.b")).await, [""; 0]);
    let told = service(&with("my.app.voiso.{event_type}.a.b.c")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("warning: inputs.aws.services.voiso.tag: has 7 levels"), "{told:?}");
    let own = "non-cloudwatch-logs: {types: [cloudfront], cloudfront_sqs_queue_name: q, regions: [eu-west-1], cloudfront_tag: a.b.c.d.e.f.g.h}";
    assert!(service(own).await[0].contains("cloudfront_tag: has 8 levels"));
}

#[tokio::test]
async fn a_placeholder_that_is_unknown_is_named_with_those_that_exist() {
    let told = service("voiso: {voiso_sqs_queue_name: q, regions: [eu-west-1], tag: 'my.app.voiso.{source}'}").await;
    assert_eq!(
        told,
        [
            "error: inputs.aws.services.voiso.tag: tag `my.app.voiso.{source}`: `{source}` is not filled in: there are `{event_type}`, `{account}` and `{region}`"
        ]
    );
}

#[tokio::test]
async fn no_time_between_pulls_is_refused() {
    for zero in ["0", "0s", "'0'", "0.0"] {
        let section = format!("aws-guardduty: {{regions: [eu-west-1], request_period_in_seconds: {zero}}}");
        let told = service(&section).await;
        assert!(told.len() == 1 && told[0].contains("0 is no time between two pulls"), "{zero}: {told:?}");
    }
}

#[tokio::test]
async fn a_queues_url_is_that_of_the_one_region_that_is_read() {
    let with = |url: &str, regions: &str| format!("voiso: {{voiso_sqs_queue_name: '{url}', regions: [{regions}]}}");
    let url = "https://sqs.us-east-1.amazonaws.com/111122223333/q";
    for (url, regions) in [
        (url, "us-east-1"),
        ("https://queue.amazonaws.com/111122223333/q.fifo", "us-east-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", "cn-north-1"),
        ("https://sqs.eu-west-1.api.aws/111122223333/q", "eu-west-1"),
        ("https://vpce-0a.sqs.eu-west-1.vpce.amazonaws.com/111122223333/q", "eu-west-1"),
        ("http://localhost:4566/queue/q", "eu-west-1, us-east-1"),
        ("http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q", "eu-west-1"),
    ] {
        assert_eq!(service(&with(url, regions)).await, [""; 0], "{url}");
    }
    for (url, regions, said) in [
        (url, "eu-west-1", "is a queue in us-east-1: expected `regions: [us-east-1]`"),
        (url, "us-east-1, eu-west-1", "is a queue in us-east-1: expected `regions: [us-east-1]`"),
        ("https://sqs.us-east-1.amazonaws.com/q", "us-east-1", "is no queue's URL"),
        ("https://sqs.us-east-1.amazonaws.com/1111/q", "us-east-1", "is no queue's URL"),
        ("https://sqs.us-east-1.amazonaws.com/111122223333/a/b", "us-east-1", "is no queue's URL"),
        ("https://sqs.us-east-1.amazonaws.com", "us-east-1", "is no queue's URL"),
    ] {
        let told = service(&with(url, regions)).await;
        assert!(told.len() == 1 && told[0].contains(said), "{url}: {told:?}");
    }
}

#[tokio::test]
async fn a_filter_that_lets_no_usual_key_pass_is_warned_of() {
    let trail = |filter: &str| {
        format!(
            "audit-events-all: {{types: [audits_s3], audit_sqs_queue_name: q, regions: [eu-west-1], s3_file_type_filter: '{filter}'}}"
        )
    };
    for filter in [r"\.json\.gz$", "CloudTrail", "eu-west-1", "^(?!.*Digest).*$", r"(?<!Digest)/\d"] {
        assert_eq!(service(&trail(filter)).await, [""; 0], "{filter}");
    }
    let told = service(&trail(r"\.log\.gz$")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let expected = "warning: inputs.aws.services.audit-events-all.s3_file_type_filter: matches none of the keys";
    assert!(told[0].starts_with(expected), "{told:?}");
    let told = service(&trail("(")).await;
    assert!(told.len() == 1 && told[0].contains("no regular expression") && !told[0].contains('\n'), "{told:?}");
    let umbrella =
        "cisco-umbrella: {cisco_umbrella_sqs_queue_name: q, regions: [eu-west-1], s3_file_type_filter: '[.]gz$'}";
    assert_eq!(service(umbrella).await, [""; 0]);
}

/// A section with these filters below it.
fn with_filters(filters: &str) -> String {
    let start = "non-cloudwatch-logs:\n        types: [vpcflowlogs]\n        vpcflowlogs_sqs_queue_name: q\n        regions: [eu-west-1]";
    format!("{start}\n        filters:{filters}")
}

#[tokio::test]
async fn a_mistake_in_a_filter_is_told_at_its_place() {
    let told = check_section(&with_filters(
        "
          - name: own
            when:
              - column: srcaddr
                cidr: [10.0.0.0/8, 10.0.0.0/40]
            action: drop",
    ))
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
    let expected =
        "16:36: error: inputs.aws.services.non-cloudwatch-logs.filters[0].when[0].cidr[1]: `10.0.0.0/40` is no network";
    assert!(told[0].starts_with(expected), "{told:?}");
    for (filters, said) in [
        ("\n          - {when: [{part: tagg, is: [a.b]}], action: drop}", "did you mean `tag`?"),
        ("\n          - {when: [{part: tag, is: [a.b]}], action: dropp}", "did you mean `drop`?"),
        ("\n          - {when: [{column: srcaddr, preffix: [a]}], action: drop}", "did you mean `prefix`?"),
        ("\n          - {when: [{column: srcadr, prefix: ['1']}], action: drop}", "did you mean `srcaddr`?"),
        ("\n          - {route: my.app.a.b.c.d.e}", "has 7 levels"),
        ("\n          - {route: 'my.app.{event_type}'}", "is not known to a filter"),
    ] {
        let told = check_section(&with_filters(filters)).await;
        assert!(told.iter().any(|told| told.contains(said)), "{filters}: {told:?}");
    }
}

#[tokio::test]
async fn filters_that_drop_everything_or_are_never_reached_are_warned_of() {
    let told = check_section(&with_filters("\n          - {action: drop}\n          - {action: send}")).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("warning: ") && told[0].contains("filters[0]: drops every event"), "{told:?}");
    assert!(told[1].contains("filters[1]: is never reached"), "{told:?}");
    // To keep some and to drop the rest is meant.
    let some = "\n          - {when: [{column: action, is: [REJECT]}], action: send}\n          - {action: drop}";
    assert_eq!(check_section(&with_filters(some)).await, [""; 0]);
    let named = with_filters("\n          - {when: [{column: interface-id, is: [eni-1]}], action: drop}");
    assert_eq!(check_section(&named).await, [""; 0], "a column that is known");
}

async fn check_section(section: &str) -> Vec<String> {
    let aws = "  aws:\n    id: 10001\n    credentials: {access_key: A, access_secret: s}\n    services:\n";
    check(&format!("{aws}      {section}\n")).await
}
