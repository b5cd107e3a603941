//! How inputs, services and many accounts are signed in to, from the keys of a configuration to the calls at AWS.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use quittance_collector::{Collector, Config, Parts, Reach, Report};
use quittance_core::{Random, World};
use quittance_devo::{Handshakes, TcpDial};
use quittance_testbed::{
    aws::{FakeAws, QueueSettings},
    store::MemoryStore,
    unit::AwsClock,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::{check, examine, good_but};

const KEYS: &str = "    credentials:\n      access_key: AKIAEXAMPLE\n      access_secret: not-really\n";

fn with(credentials: &str) -> String {
    good_but(KEYS, &format!("    credentials: {{{credentials}}}\n"))
}

#[test]
fn every_way_to_sign_in_is_read() {
    let base = "base_assume_role: 'arn:aws:iam::111122223333:role/base'";
    let target = "target_assume_role: 'arn:aws-us-gov:iam::444455556666:role/path/quittance'";
    let keys = "access_key: A, access_secret: s";
    for credentials in [
        keys.to_owned(),
        format!("{keys}, {base}"),
        base.to_owned(),
        format!("{base}, {}, assume_role_external_id: our-id", target.replace("-us-gov", "")),
        String::new(),
        "access_key: '', access_secret: '', base_assume_role: ''".to_owned(),
        "aws_access_key_id: A, aws_secret_access_key: s, aws_base_account_role: 'arn:aws:iam::111122223333:role/b', \
         aws_cross_account_role: 'arn:aws:iam::444455556666:role/c', aws_external_id: e1"
            .to_owned(),
    ] {
        check(&with(&credentials), &[]);
    }
    check(&good_but(KEYS, ""), &[]);
    let gov = with(target).replace("eu-west-1", "us-gov-west-1");
    check(&gov, &[]);
}

#[test]
fn what_cannot_be_meant_is_told_where_it_stands() {
    let told = |credentials: &str| {
        let problems = examine(&good_but(KEYS, credentials)).problems;
        problems.all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let lone = told("    credentials:\n      access_key: AKIAEXAMPLE\n");
    assert!(
        lone.starts_with("17:7: error: inputs.aws.credentials.access_key: stands without `access_secret`"),
        "{lone}"
    );
    let alias = told("    credentials:\n      aws_external_id: our-id\n");
    let expected = "17:7: error: inputs.aws.credentials.assume_role_external_id: goes with `target_assume_role`";
    assert!(alias.starts_with(expected), "{alias}");
    let arn = told("    credentials:\n\n      base_assume_role: my-role\n");
    assert!(arn.starts_with("18:7: error: inputs.aws.credentials.base_assume_role: `my-role` is no role"), "{arn}");
    let accounts = "    accounts:\n      role: arn:aws:iam::{account}:role/quittance\n";
    let none = told(accounts);
    assert!(none.starts_with("16:5: error: inputs.aws.accounts.ids: no account is named"), "{none}");
    let odd = told(&format!("{accounts}      ids: [12]\n"));
    assert!(odd.starts_with("18:7: error: inputs.aws.accounts.ids: `12` is no account"), "{odd}");
    let one = told("    accounts: {role: 'arn:aws:iam::111122223333:role/quittance', organization: true}\n");
    assert!(one.contains("inputs.aws.accounts.role: names one role: expected `{account}`"), "{one}");
    let endpoint = told("    endpoints: {sqs: https://a.test, ec2: https://b.test}\n");
    assert!(endpoint.starts_with("16:38: error: inputs.aws.endpoints.ec2: no service of this name"), "{endpoint}");
    let fips = told("    endpoint_url: https://a.test\n    use_fips_endpoint: true\n");
    assert!(fips.starts_with("17:5: error: inputs.aws.use_fips_endpoint: chooses among AWS's own"), "{fips}");
}

/// A fake AWS with a queue, and a configuration with these inputs.
struct Scene {
    aws: FakeAws,
    folder: TempDir,
}

impl Scene {
    fn new(inputs: &str) -> Scene {
        let scene = Scene { aws: FakeAws::new(5), folder: tempfile::tempdir().unwrap() };
        for queue in ["events", "trail"] {
            scene.aws.create_queue(queue, QueueSettings::default());
        }
        let text = format!(
            "globals: {{id: one, name: many}}\noutputs: {{out: {{type: console}}}}\ninputs:\n{}",
            inputs.replace("ENDPOINT", "endpoint_url: https://aws.test")
        );
        std::fs::write(scene.path(), text).unwrap();
        scene
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    fn world(&self) -> World {
        World { clock: Arc::new(AwsClock(self.aws.clone())), random: Random::seeded(9) }
    }

    async fn check(&self) -> Report {
        let http = Some(self.aws.http_client());
        let reach = Reach { world: self.world(), http, dial: Arc::new(TcpDial::default()), online: true };
        quittance_collector::check(&self.path(), reach).await.unwrap()
    }

    fn roles(&self) -> BTreeSet<(String, Option<String>)> {
        self.aws.assumed().into_iter().map(|asked| (asked.role, asked.external_id)).collect()
    }
}

const EVENTS: &str = "service-events-all: {cloudwatch_sqs_queue_name: events, regions: [eu-west-1]}";

fn errors(report: &Report) -> Vec<String> {
    report.problems.all.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn any_number_of_inputs_each_have_an_account_of_their_own() {
    let input = |n: usize| {
        format!(
            "  input{n}: {{id: {n}, ENDPOINT, credentials: {{access_key: AKIA{n}, access_secret: s}}, services: {{{EVENTS}}}}}\n"
        )
    };
    let scene = Scene::new(&(10..60).map(input).collect::<String>());
    let report = scene.check().await;
    assert_eq!((errors(&report), report.units.len()), (vec![], 50));
    assert_eq!(scene.aws.access_keys_seen(), (10..60).map(|n| format!("AKIA{n}")).collect());
}

#[tokio::test(start_paused = true)]
async fn credentials_in_a_service_are_for_this_service_alone() {
    let scene = Scene::new(
        "  aws:
    id: 10001
    ENDPOINT
    credentials: {access_key: AKIAINPUT, access_secret: s}
    services:
      audit-events-all: {types: [audits_s3], audit_sqs_queue_name: events, regions: [eu-west-1]}
      service-events-all:
        cloudwatch_sqs_queue_name: events
        regions: [eu-west-1]
        credentials:
          access_key: AKIASERVICE
          access_secret: s
          target_assume_role: arn:aws:iam::444455556666:role/theirs
          assume_role_external_id: their-id
",
    );
    let report = scene.check().await;
    // Queues of one name in two accounts are two queues.
    assert_eq!(errors(&report), Vec::<String>::new());
    assert_eq!(report.units.len(), 2);
    let keys = scene.aws.access_keys_seen();
    assert!(keys.contains("AKIAINPUT") && keys.contains("AKIASERVICE"), "{keys:?}");
    let theirs = ("arn:aws:iam::444455556666:role/theirs".to_owned(), Some("their-id".to_owned()));
    assert_eq!(scene.roles(), [theirs].into());

    let wrong = Scene::new(&format!(
        "  aws:\n    id: 1\n    services:\n      {}\n",
        EVENTS.replace("}", ", credentials: {access_key: A}}")
    ));
    let told = errors(&wrong.check().await).join("\n");
    let expected = "inputs.aws.services.service-events-all.credentials.access_key: stands without `access_secret`";
    assert!(told.contains(expected), "{told}");
}

#[tokio::test(start_paused = true)]
async fn empty_credentials_of_a_service_are_none() {
    for nothing in ["", "null", "''", "{}", "{access_key: '', access_secret: null, target_assume_role: ''}"] {
        let scene = Scene::new(&format!(
            "  aws:\n    id: 1\n    ENDPOINT\n    credentials: {{access_key: AKIAINPUT, access_secret: s}}\n    services:\n      \
             service-events-all:\n        cloudwatch_sqs_queue_name: events\n        regions: [eu-west-1]\n        credentials: {nothing}\n"
        ));
        let report = scene.check().await;
        assert_eq!((errors(&report), report.units.len()), (vec![], 1), "{nothing}");
        assert_eq!(scene.aws.access_keys_seen(), ["AKIAINPUT".to_owned()].into(), "{nothing}");
    }
}

const MANY: &str = "  aws:
    id: 10001
    ENDPOINT
    credentials: {access_key: AKIATEST, access_secret: s}
    accounts: {role: 'arn:aws:iam::{account}:role/quittance', external_id: our-id, ACCOUNTS}
    services:
      EVENTS
";

fn many(accounts: &str) -> Scene {
    Scene::new(&MANY.replace("ACCOUNTS", accounts).replace("EVENTS", EVENTS))
}

fn role(account: &str) -> (String, Option<String>) {
    (format!("arn:aws:iam::{account}:role/quittance"), Some("our-id".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn one_input_reads_many_accounts_each_by_its_own_role() {
    let scene = many("ids: [111122223333, '000000000200', 111122223333, 444455556666], except: [444455556666]");
    let report = scene.check().await;
    assert_eq!(errors(&report), Vec::<String>::new());
    let ids: Vec<&str> = report.units.iter().map(|unit| unit.id.as_str()).collect();
    let unit = |account: &str| format!("aws/10001/{account}/service-events-all/eu-west-1/events");
    assert_eq!(ids, [unit("000000000200"), unit("111122223333")]);
    assert_eq!(scene.roles(), [role("111122223333"), role("000000000200")].into());
}

#[tokio::test(start_paused = true)]
async fn the_accounts_of_an_organization_are_found() {
    let scene = many("organization: true, except: ['000000000102']");
    for n in 0..8 {
        scene.aws.add_member(format!("{:012}", 100 + n), n % 3 != 1);
    }
    let active = [100, 103, 105, 106].map(|n| role(&format!("{n:012}")));
    let report = scene.check().await;
    assert_eq!((errors(&report), report.units.len()), (vec![], 4));
    assert_eq!(scene.roles(), active.clone().into());

    let lonely = many("organization: true");
    let told = errors(&lonely.check().await).join("\n");
    assert!(told.starts_with("8:") && told.contains("inputs.aws.accounts.organization"), "{told}");
    assert!(told.contains("AWSOrganizationsNotInUseException"), "{told}");
}

/// Other inputs do not wait for it.
#[tokio::test(start_paused = true)]
async fn an_organization_that_cannot_be_listed_yet_is_asked_again_while_the_others_run() {
    let other =
        "  other: {id: 10002, ENDPOINT, credentials: {access_key: AKIAOTHER, access_secret: s}, services: {EVENTS}}\n"
            .replace("EVENTS", EVENTS);
    let scene = Scene::new(&(MANY.replace("ACCOUNTS", "organization: true").replace("EVENTS", EVENTS) + &other));
    scene.aws.add_member("000000000100", true);
    scene.aws.fail_while("ListAccounts", "ServiceUnavailable");
    let stop = CancellationToken::new();
    let parts = Parts {
        world: scene.world(),
        http: Some(scene.aws.http_client()),
        dial: Arc::new(TcpDial::default()),
        store: Arc::new(MemoryStore::default()),
        handshakes: Handshakes::default(),
        messages: None,
    };
    let config = Config::load(scene.path()).unwrap();
    let collector = Collector::build(config, parts, stop.clone()).await.unwrap();
    let running = tokio::spawn(collector.run());
    sleep(Duration::from_secs(600)).await;
    assert!(scene.aws.calls("ReceiveMessage") > 20 && scene.aws.access_keys_seen().contains("AKIAOTHER"));
    assert!((5..20).contains(&scene.aws.calls("ListAccounts")), "{}", scene.aws.calls("ListAccounts"));
    assert_eq!(scene.aws.assumed(), []);
    scene.aws.recover("ListAccounts");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(scene.roles(), [role("000000000100")].into());
    let before = Instant::now();
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!(before.elapsed() < Duration::from_secs(60), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn sts_is_asked_in_the_partition_and_region_that_is_read() {
    let input = |role: &str, more: &str, region: &str| {
        format!(
            "  aws: {{id: 1, ENDPOINT{more}, credentials: {{access_key: A, access_secret: s, base_assume_role: '{role}'}}, \
             services: {{{}}}}}\n",
            EVENTS.replace("eu-west-1", region)
        )
    };
    for (arn, more, region, asked) in [
        ("arn:aws:iam::111122223333:role/a", "", "eu-west-1", "eu-west-1"),
        ("arn:aws:iam::111122223333:role/a", ", region: eu-central-1", "eu-west-1", "eu-central-1"),
        ("arn:aws-cn:iam::111122223333:role/a", "", "cn-northwest-1", "cn-northwest-1"),
        ("arn:aws-us-gov:iam::111122223333:role/a", "", "us-gov-west-1", "us-gov-west-1"),
    ] {
        let scene = Scene::new(&input(arn, more, region));
        assert_eq!(errors(&scene.check().await), Vec::<String>::new());
        let regions: BTreeSet<String> = scene.aws.assumed().into_iter().map(|asked| asked.region).collect();
        assert_eq!(regions, [asked.to_owned()].into());
    }
    let scene = Scene::new(&input("arn:aws-cn:iam::111122223333:role/a", "", "eu-west-1"));
    let told = errors(&scene.check().await).join("\n");
    assert!(
        told.contains("credentials.base_assume_role: is a role in `aws-cn`, but `eu-west-1` is in `aws`"),
        "{told}"
    );
}
