//! `quittance test`: samples in, verdicts out.

use std::{fs, path::PathBuf};

use quittance_testbed::generate::{Origin, cloudtrail, gzip, umbrella, vpcflow};
use serde_json::Value;
use tempfile::TempDir;

use crate::scene::{Said, quittance};

/// Secrets and certificates that are not there are of no matter.
const CONFIG: &str = r#"
globals: {id: "1", name: one}
outputs: {devo: {type: devo_platform, config: {address: a.example, port: 443, type: SSL, chain: no.crt, cert: no.crt, key: no.key}}}
inputs:
  aws:
    id: "10001"
    credentials: {access_key: "file:nowhere", access_secret: "file:nowhere"}
    services:
      audit-events-all:
        types: [audits_s3, audits_api]
        audit_sqs_queue_name: q
        regions: [eu-west-1]
        filters:
          - name: quiet
            when: [{field: eventName, prefix: [Describe, List, Get]}]
            action: drop
          - mask: [userIdentity.accessKeyId]
      non-cloudwatch-logs:
        types: [vpcflowlogs, cloudfront]
        vpcflowlogs_sqs_queue_name: q1
        cloudfront_sqs_queue_name: q2
        regions: [eu-west-1]
        filters:
          - when: [{column: action, is: [ACCEPT]}]
            sample: 10
      service-events-all:
        cloudwatch_sqs_queue_name: q3
        regions: [eu-west-1]
        filters:
          - when: [{field: detail-type, is: [noise]}]
            route: my.app.aws.noise
      metrics-all: {regions: [eu-west-1]}
"#;

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.yaml"), CONFIG).expect("it is written");
        Place(folder)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("it is written");
        path
    }

    fn test(&self, service: &str, sample: &std::path::Path, more: &[&str]) -> Said {
        let (config, sample) = (self.0.path().join("config.yaml"), sample.to_string_lossy().into_owned());
        let config = config.to_string_lossy().into_owned();
        quittance(&[&["test", "--config", &config, "--service", service, &sample], more].concat())
    }

    fn lines(&self, service: &str, sample: &std::path::Path, more: &[&str]) -> Vec<Value> {
        let said = self.test(service, sample, &[&["--json"], more].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

fn origin() -> (fastrand::Rng, Origin) {
    (fastrand::Rng::with_seed(5), Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH))
}

#[test]
fn an_object_of_a_trail_is_judged_by_its_section() {
    let (mut rng, origin) = origin();
    let content = cloudtrail::object(&mut rng, &origin, 0, 200);
    let place = Place::new();
    let sample = place.put("trail.json.gz", gzip(&content, 6));
    let lines = place.lines("audit-events-all", &sample, &["--account", "999999999999"]);
    let records: Value = serde_json::from_slice(&content).expect("JSON");
    let records = records["Records"].as_array().expect("records");
    assert_eq!(lines.len(), records.len());
    for (line, record) in lines.iter().zip(records) {
        let name = record["eventName"].as_str().expect("a name");
        let quiet = ["Describe", "List", "Get"].iter().any(|prefix| name.starts_with(prefix));
        assert_eq!(line["verdict"], if quiet { "dropped" } else { "sent" }, "{line}");
        assert_eq!(line["filter"], format!("audit-events-all/{}", if quiet { "quiet" } else { "2" }), "{line}");
        let has_key = record["userIdentity"]["accessKeyId"].is_string();
        assert_eq!(line["masked"], !quiet && has_key, "{line}");
        assert!(line["tag"].as_str().is_some_and(|tag| tag.starts_with("cloud.aws.cloudtrail.events.")), "{line}");
    }
}

#[test]
fn what_is_expected_is_compared() {
    let (mut rng, origin) = origin();
    let place = Place::new();
    let sample = place.put("trail.json", cloudtrail::object(&mut rng, &origin, 0, 20));
    let lines = place.test("audit-events-all", &sample, &["--json"]).out;
    let expected = place.put("expected.jsonl", &lines);
    let expected = expected.to_string_lossy().into_owned();
    let same = place.test("audit-events-all", &sample, &["--expect", &expected]);
    assert_eq!((same.code, &*same.out), (Some(0), "20 events, all as expected\n"));
    let (first, rest) = lines.split_once('\n').expect("lines");
    let other = first.replacen("cloud.aws", "my.app", 1);
    place.put("expected.jsonl", format!("{other}\n{rest}"));
    let different = place.test("audit-events-all", &sample, &["--expect", &expected]);
    assert_eq!(different.code, Some(1));
    assert_eq!(different.out, format!("- {other}\n+ {first}\n20 events, 1 different\n"));
    // Fewer keys compare less; an event more or less is a difference.
    let less: String = rest
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            format!(
                "{}\n",
                serde_json::json!({"file": line["file"], "event": line["event"], "verdict": line["verdict"]})
            )
        })
        .collect();
    place.put("expected.jsonl", less);
    let missing = place.test("audit-events-all", &sample, &["--expect", &expected]);
    assert_eq!((missing.code, missing.out), (Some(1), format!("+ {first}\n20 events, 1 different\n")));
}

#[test]
fn lines_rows_bodies_and_pages_are_judged() {
    let (mut rng, origin) = origin();
    let place = Place::new();
    let key = vpcflow::key(&mut rng, &origin);
    let sample = place.put("flows.log", vpcflow::object(&mut rng, &origin, 0, 500));
    let lines = place.lines("non-cloudwatch-logs", &sample, &["--key", &key]);
    let dropped = lines.iter().filter(|line| line["verdict"] == "dropped").count();
    assert!(lines.len() == 500 && (200..490).contains(&dropped), "{dropped} of {}", lines.len());
    assert_eq!(lines[0]["tag"], "cloud.aws.vpc.flow.111122223333.eu-west-1");

    let bodies = "{\"source\":\"aws.ec2\",\"detail-type\":\"noise\"}\n{\"source\":\"aws.ec2\",\"detail-type\":\"x\"}\n";
    let sample = place.put("bodies.jsonl", bodies);
    let lines = place.lines("service-events-all", &sample, &[]);
    assert_eq!((lines.len(), &lines[0]["tag"], &lines[1]["event"]), (2, &"my.app.aws.noise".into(), &2.into()));
    let received = serde_json::json!({"Messages": [{"Body": bodies.lines().next()}]}).to_string();
    let sample = place.put("received.json", received);
    assert_eq!(place.lines("service-events-all", &sample, &[])[0]["tag"], "my.app.aws.noise");

    let event = r#"{"eventName":"PutObject","userIdentity":{"accessKeyId":"AKIA"},"eventSource":"s3.amazonaws.com"}"#;
    let page = serde_json::json!({"Events": [{"EventId": "1", "EventTime": "2026-01-15T12:00:00+00:00", "CloudTrailEvent": event}], "NextToken": "more"});
    let sample = place.put("page.json", page.to_string());
    let lines = place.lines("audit-events-all", &sample, &["--account", "999999999999"]);
    assert_eq!((lines.len(), &lines[0]["text"]), (1, &event.replace("AKIA", "****").into()));
    let sample = place.put("metrics.json", "{\"Metrics\":[]}");
    let said = place.test("metrics-all", &sample, &[]);
    assert!(said.code == Some(1) && said.err.contains("no unit of the service reads such a thing"), "{}", said.err);
}

#[test]
fn a_report_says_what_each_table_has_and_each_filter_saves() {
    let (mut rng, origin) = origin();
    let place = Place::new();
    let sample = place.put("trail.json", cloudtrail::object(&mut rng, &origin, 0, 100));
    let said = place.test("audit-events-all", &sample, &["--report"]).out;
    let line = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{said}"));
    assert!(line("all events: 100 events, ").ends_with(" bytes"));
    assert!(line("table cloud.aws.cloudtrail.events: ").contains(" %)"));
    assert!(line("filter audit-events-all/quiet: matches ").contains(", saves "));
}

#[test]
fn without_a_configuration_a_service_is_taken_as_it_is() {
    let (mut rng, origin) = origin();
    let place = Place::new();
    let test = |service: &str, sample: &std::path::Path, key: &str| {
        let sample = sample.to_string_lossy().into_owned();
        let said = quittance(&["test", "--service", service, "--json", "--key", key, &sample]);
        assert_eq!(said.code, Some(0), "{service}: {}", said.err);
        let first: Value = serde_json::from_str(said.out.lines().next().expect("an event")).expect("JSON");
        first["tag"].as_str().expect("a tag").to_owned()
    };
    let sample = place.put("trail.json", cloudtrail::object(&mut rng, &origin, 0, 2));
    assert!(
        test("audit-events-all", &sample, &cloudtrail::key(&mut rng, &origin)).starts_with("cloud.aws.cloudtrail.")
    );
    let log = umbrella::Log::ALL[0];
    let sample = place.put("dns.csv", umbrella::object(&mut rng, &origin, log, 0, 5));
    assert_eq!(test("cisco-umbrella", &sample, &umbrella::key(&mut rng, &origin, log)), "sig.cisco.umbrella.dns");
    let sample = place.put("finding.json", r#"{"findings":[{"id":"1","accountId":"444455556666","region":"eu-west-1","updatedAt":"2026-01-15T12:00:00Z"}]}"#);
    assert_eq!(test("aws-guardduty", &sample, "x"), "cloud.aws.guardduty.findings.444455556666.eu-west-1");
    let sample =
        place.put("events.json", r#"{"events":[{"eventId":"1","timestamp":1,"message":"hello","logStreamName":"s"}]}"#);
    assert!(test("custom-logs", &sample, "/aws/lambda/x").starts_with("my.app.logs.samples"));
    let sample = place.put("voiso.json", r#"{"type":"user"}"#);
    assert!(test("voiso", &sample, "x").starts_with("my.app.voiso."));
    let sample = place.put("hub.json", r#"{"source":"aws.securityhub","detail":{"findings":[{"Id":"1"}]}}"#);
    assert!(test("sqs-cloudwatch-consumer", &sample, "x").starts_with("cloud.aws.securityhub.findings"));
    let said = quittance(&["test", "--service", "audits", &sample.to_string_lossy()]);
    assert!(said.code == Some(1) && said.err.contains("there is no service `audits`: expected one of"), "{}", said.err);
}

#[test]
fn a_mistake_in_a_filter_is_told_with_its_place() {
    let place = Place::new();
    let wrong = CONFIG.replace("prefix: [Describe, List, Get]", "prefix: [Describe], is: [x]");
    fs::write(place.0.path().join("config.yaml"), wrong).expect("it is written");
    let sample = place.put("trail.json", r#"{"Records":[]}"#);
    let said = place.test("audit-events-all", &sample, &[]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains(
            "15:20: error: inputs.aws.services.audit-events-all.filters[0].when[0]: has `is`, `prefix` at once"
        ),
        "{}",
        said.err
    );
}
