//! From detectors to a receiver.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use quittance_aws::{Account, AccountSettings, Credentials, Limiters, Role, ServiceKind};
use quittance_aws_guardduty::AwsGuardduty;
use quittance_core::{Ended, Severity, Unit};
use quittance_testbed::{
    aws::{FakeAws, Place},
    generate::{
        Origin,
        guardduty::{self, Version},
    },
    unit::Bench,
};
use serde_json::{Value, json};
use tokio::time::sleep;

const REGION: &str = "us-east-1";

struct Scene {
    aws: FakeAws,
    bench: Bench,
    account: Arc<Account>,
}

impl Scene {
    async fn new() -> Self {
        let aws = FakeAws::new_at(3, "2026-03-01T12:00:00Z".parse().unwrap());
        let bench = Bench::new(&aws, 3);
        let settings = AccountSettings {
            id: "10001".to_owned(),
            credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
            endpoint_url: Some("https://aws.test".to_owned()),
            http: aws.http_client(),
            clock: bench.clock(),
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        };
        Scene { aws, bench, account: Arc::new(Account::new(settings).await) }
    }

    fn plan(&self, config: Value) -> Result<Vec<Unit>, String> {
        let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
        AwsGuardduty.plan(config, &self.account).map_err(|error| error.to_string())
    }

    fn unit(&self, config: Value) -> Unit {
        self.plan(config).unwrap().remove(0)
    }
}

/// A finding as GuardDuty writes it, with something that no SDK knows yet.
fn finding(id: &str, updated: Timestamp, count: u64, archived: bool) -> String {
    format!(
        r#"{{"schemaVersion":"2.0","accountId":"999999999999","region":"eu-west-1","id":"{id}","arn":"arn:aws:guardduty:{id}","type":"Recon:EC2/Portscan","fromTheFuture":{{"x":[1, 2.50,"ü\u00e9"]}},"resource":{{"resourceType":"Instance"}},"service":{{"serviceName":"guardduty","archived":{archived},"count":{count},"eventLastSeen":"{updated:.3}"}},"severity":2.0,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"{updated:.3}"}}"#
    )
}

async fn minutes(minutes: u64) {
    sleep(Duration::from_secs(60 * minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_finding_is_sent_byte_for_byte_with_the_tag_of_its_owner() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let running = scene.bench.run(&scene.unit(json!({"regions": [REGION]})));
    minutes(10).await;
    let text = finding("f1", scene.aws.now(), 1, true);
    scene.aws.put_finding(&detector, &text);
    // With line ends between tokens it is put on one line.
    let pretty = finding("f2", scene.aws.now(), 1, false).replace(",\"type\"", ",\n  \"type\"");
    scene.aws.put_finding(&detector, &pretty);
    minutes(10).await;
    let tag = "cloud.aws.guardduty.findings.999999999999.eu-west-1".to_owned();
    let delivered = scene.bench.delivered();
    assert_eq!(delivered[0], (tag, text));
    assert!(!delivered[1].1.contains('\n') && delivered[1].1.contains(r#""f2","arn""#), "{delivered:?}");
    assert!(matches!(running.stop().await, Ended::Stopped));
}

/// Trap 14: the criterion is in milliseconds, which 32 bits cannot hold.
#[tokio::test(start_paused = true)]
async fn each_version_that_a_poll_sees_is_sent_once() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let running = scene.bench.run(&scene.unit(json!({"regions": [REGION]})));
    minutes(10).await;
    scene.aws.put_finding(&detector, finding("f1", scene.aws.now(), 5, false));
    minutes(20).await;
    // Two updates between two polls: only the last is seen.
    scene.aws.put_finding(&detector, finding("f1", scene.aws.now(), 8, false));
    minutes(1).await;
    scene.aws.put_finding(&detector, finding("f1", scene.aws.now(), 9, false));
    minutes(180).await;
    let counts: Vec<u64> = scene
        .bench
        .texts()
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["service"]["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [5, 9]);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

/// Which of an administrator and a member says so depends on who is set up later.
#[tokio::test(start_paused = true)]
async fn an_administrator_that_is_read_beside_its_member_is_warned_of() {
    const MEMBER: &str = "000000000200";
    for (status, member_first, refused, expected) in [
        ("Enabled", false, None, [0, 1]),
        ("Enabled", true, None, [1, 0]),
        ("Resigned", false, None, [0, 0]),
        ("Enabled", false, Some("GetAdministratorAccount"), [0, 0]),
        ("Enabled", true, Some("GetMembers"), [0, 0]),
    ] {
        let scene = Scene::new().await;
        let detector = scene.aws.add_detector(&Place::default());
        scene.aws.add_detector(&Place::new(MEMBER, REGION));
        scene.aws.add_member_of(&detector, MEMBER, status);
        if let Some(api) = refused {
            scene.aws.fail_while(api, "AccessDeniedException");
        }
        let role = Role::new(("role", "id"), &format!("arn:aws:iam::{MEMBER}:role/reader"), None).unwrap();
        let member = Arc::new(scene.account.in_role("10001/member".to_owned(), &role));
        let config = || serde_json::from_value(json!({"regions": [REGION]})).unwrap();
        let member = AwsGuardduty.plan(config(), &member).unwrap().remove(0);
        let administrator = AwsGuardduty.plan(config(), &scene.account).unwrap().remove(0);
        let mut said = [0, 0];
        for place in if member_first { [1, 0] } else { [0, 1] } {
            let found = [&administrator, &member][place].setup.check().await.unwrap();
            assert!(found.iter().all(|finding| finding.severity == Severity::Warning), "{found:?}");
            assert!(found.iter().all(|finding| finding.code.number == 151), "{found:?}");
            said[place] = found.len();
        }
        assert_eq!(said, expected, "{status} {member_first} {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_one_account_asks_for_no_relations() {
    let scene = Scene::new().await;
    scene.aws.add_detector(&Place::default());
    assert_eq!(scene.unit(json!({"regions": [REGION]})).setup.check().await.unwrap(), []);
    assert_eq!(scene.aws.calls("GetMembers") + scene.aws.calls("GetAdministratorAccount"), 0);
}

#[tokio::test(start_paused = true)]
async fn updates_while_pages_are_asked_for_lose_nothing() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    scene.aws.short_pages("ListFindings", 0.5);
    scene.aws.set_quota("ListFindings", 5);
    scene.aws.set_quota("GetFindings", 5);
    let running = scene.bench.run(&scene.unit(json!({"regions": [REGION]})));
    let mut rng = fastrand::Rng::with_seed(5);
    let start = scene.aws.now();
    let mut newest = vec![0; 150];
    for _ in 0..500 {
        let id = rng.usize(..newest.len());
        newest[id] += 1;
        scene.aws.put_finding(&detector, finding(&format!("f{id}"), scene.aws.now(), newest[id], false));
        sleep(Duration::from_millis(rng.u64(0..10_000))).await;
    }
    minutes(150).await;
    let texts = scene.bench.texts();
    let seen: BTreeSet<(String, u64)> = texts
        .iter()
        .map(|text| {
            let value: Value = serde_json::from_str(text).unwrap();
            (value["id"].as_str().unwrap().to_owned(), value["service"]["count"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(seen.len(), texts.len(), "none twice");
    for (id, count) in newest.iter().enumerate().filter(|(_, count)| **count > 0) {
        assert!(seen.contains(&(format!("f{id}"), *count)), "f{id} {count} of {start}");
    }
    assert!(scene.aws.calls_peak("ListFindings") <= 3 && scene.aws.calls_peak("GetFindings") <= 3);
    assert!(matches!(running.stop().await, Ended::Stopped));
    assert!(scene.bench.counts().balances());
}

#[tokio::test(start_paused = true)]
async fn throttling_errors_and_a_token_again_lose_nothing() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let running = scene.bench.run(&scene.unit(json!({"regions": [REGION], "start_time": "2026-02-27"})));
    let start = scene.aws.now() - SignedDuration::from_hours(24);
    for n in 0..230 {
        let updated = start + SignedDuration::from_millis(n);
        scene.aws.put_finding(&detector, finding(&format!("f{n:03}"), updated, 1, false));
    }
    scene.aws.repeat_tokens("ListFindings", 1);
    scene.aws.empty_pages("ListFindings", 3);
    scene.aws.fail_sometimes("ListFindings", 0.3, "ThrottlingException");
    scene.aws.fail_sometimes("GetFindings", 0.3, "InternalServerErrorException");
    minutes(240).await;
    assert_eq!(scene.bench.texts().len(), 230);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_nothing_and_finds_what_happened_meanwhile() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let unit = scene.unit(json!({"regions": [REGION]}));
    for n in 0..6 {
        let running = scene.bench.run(&unit);
        minutes(30).await;
        scene.aws.put_finding(&detector, finding(&format!("on{n}"), scene.aws.now(), 1, false));
        minutes(10).await;
        assert!(matches!(running.stop().await, Ended::Stopped));
        scene.aws.put_finding(&detector, finding(&format!("off{n}"), scene.aws.now(), 1, false));
        minutes(600).await;
    }
    let running = scene.bench.run(&unit);
    minutes(30).await;
    assert_eq!(scene.bench.texts().len(), 12);
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn kills_lose_nothing_and_repeat_only_what_was_not_written_down() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let mut rng = fastrand::Rng::with_seed(9);
    let start = scene.aws.now();
    let mut expected = BTreeSet::new();
    for ordinal in 0..300 {
        let updated = start + SignedDuration::from_millis(rng.i64(0..36_000_000));
        let origin = Origin::any(&mut rng, updated - SignedDuration::from_hours(1));
        let version = Version { updated, count: rng.u64(1..9), archived: rng.bool() };
        let text = guardduty::finding(&mut rng, &origin, ordinal, version);
        let shown = updated + SignedDuration::from_secs(rng.i64(0..3600));
        scene.aws.put_finding_later(&detector, &text, shown);
        expected.insert(text);
    }
    let unit = scene.unit(json!({"regions": [REGION]}));
    for _ in 0..20 {
        let running = scene.bench.run(&unit);
        sleep(Duration::from_millis(rng.u64(0..3_000_000))).await;
        running.kill().await;
    }
    let running = scene.bench.run(&unit);
    minutes(13 * 60).await;
    let texts = scene.bench.texts();
    let repeated = texts.len() - expected.len();
    assert_eq!(texts.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(repeated < 30, "{repeated}");
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn archived_findings_can_be_left_out() {
    let scene = Scene::new().await;
    let detector = scene.aws.add_detector(&Place::default());
    let running = scene.bench.run(&scene.unit(json!({"regions": [REGION], "archived": false})));
    minutes(10).await;
    scene.aws.put_finding(&detector, finding("live", scene.aws.now(), 1, false));
    scene.aws.put_finding(&detector, finding("gone", scene.aws.now(), 1, true));
    minutes(10).await;
    let texts = scene.bench.texts();
    assert!(texts.len() == 1 && texts[0].contains("\"live\""), "{texts:?}");
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_region_without_a_detector_is_no_error_until_it_has_one() {
    let scene = Scene::new().await;
    let unit = scene.unit(json!({"regions": [REGION]}));
    let findings = unit.setup.check().await.unwrap();
    assert!(findings.len() == 1 && findings[0].severity == Severity::Warning, "{findings:?}");
    let running = scene.bench.run(&unit);
    minutes(30).await;
    let detector = scene.aws.add_detector(&Place::default());
    scene.aws.put_finding(&detector, finding("f1", scene.aws.now(), 1, false));
    minutes(30).await;
    assert_eq!(scene.bench.texts().len(), 1);
    assert!(unit.setup.check().await.unwrap().is_empty());
    scene.aws.fail_while("GetFindings", "AccessDeniedException");
    let findings = unit.setup.check().await.unwrap();
    assert!(findings[0].severity == Severity::Error && findings[0].problem.contains("GetFindings"), "{findings:?}");
    assert!(matches!(running.stop().await, Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_unit_for_each_region() {
    let scene = Scene::new().await;
    let units = scene.plan(json!({"regions": ["eu-west-1", REGION, "eu-west-1"]})).unwrap();
    let ids: Vec<_> = units.iter().map(|unit| unit.id.to_string()).collect();
    let id = |region| format!("aws/10001/aws-guardduty/findings/{region}");
    assert_eq!(ids, [id("eu-west-1"), id(REGION)]);
    let refused = |config: Value, key: &str| {
        let error = scene.plan(config).err().unwrap();
        assert!(error.contains(key), "{error}");
    };
    refused(json!({"regions": []}), "regions");
    refused(json!({"regions": [REGION], "start_time": "yesterday"}), "start_time");
    refused(json!({"regions": [REGION], "tag": "a b"}), "tag");
}
