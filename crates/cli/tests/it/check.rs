//! `quittance check`.

use std::{fs, process::Command};

use quittance_testbed::{
    aws::{FakeAws, QueueSettings, server},
    sink::{Keep, Sink},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::scene::{Scene, quittance};

const UNIT: &str = "unit aws/12351/audit-events-all/audits_s3/eu-west-1/trail: service audit-events-all, tag \
                    cloud.aws.cloudtrail.events.{account}.{region}\n";

#[test]
fn a_good_configuration_ends_with_0() {
    let said = Scene::new().check(&["--offline"]);
    assert_eq!(said.out, format!("output devo_1: localhost:443\n{UNIT}0 errors, 0 warnings\n"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[test]
fn without_an_argument_the_configuration_is_where_devos_collector_has_it() {
    let scene = Scene::new();
    fs::create_dir(scene.file("config")).unwrap();
    fs::write(scene.file("config/other.yaml"), &scene.yaml).unwrap();
    let check = |environment: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quittance"));
        command.args(["check", "--offline"]).env_remove("CONFIG_FILE").envs(environment.iter().copied());
        let said = command.current_dir(scene.file("")).output().unwrap();
        (said.status.code(), String::from_utf8(said.stderr).unwrap())
    };
    assert_eq!(check(&[("CONFIG_FILE", "other.yaml")]), (Some(0), String::new()));
    let (code, said) = check(&[]);
    assert!(code == Some(1) && said.contains("config/config.yaml"), "{said}");
}

#[test]
fn warnings_alone_end_with_0() {
    let said = Scene::new().but("port: 443", "prot: 443").check(&["--offline"]);
    assert_eq!(
        said.out,
        format!(
            "config.yaml:9:7: warning: outputs.devo_1.config.prot: unknown key, ignored (did you mean `port`?) [InitVariablesError5]\n\
             output devo_1: localhost:443\n{UNIT}0 errors, 1 warning\n"
        )
    );
    assert_eq!(said.code, Some(0));
}

#[test]
fn errors_end_with_1() {
    let said = Scene::new().but("port: 443", "port: https").check(&["--offline"]);
    assert_eq!(
        said.out,
        "config.yaml:9:13: error: outputs.devo_1.config.port: expected a whole number from 0 to 65535, found `https` [InitVariablesError3]\n\
         1 error, 0 warnings\n"
    );
    assert_eq!(said.code, Some(1));
}

#[test]
fn what_a_service_finds_has_its_place() {
    let said = Scene::new().but("audits_s3", "audits_s4").check(&["--offline"]);
    let expected = "config.yaml:22:9: error: inputs.aws.services.audit-events-all.types: `audits_s4` is no type";
    assert!(said.out.starts_with(expected), "{}", said.out);
    assert_eq!(said.code, Some(1));
}

#[test]
fn one_object_says_the_same_in_json() {
    let said = Scene::new().but("port: 443", "prot: 443").check(&["--offline", "--json"]);
    let mut report: Value = serde_json::from_str(&said.out).expect("JSON");
    report["file"] = Value::Null;
    assert_eq!(
        report,
        json!({
            "file": null, "errors": 0, "warnings": 1,
            "problems": [{
                "file": "config.yaml", "line": 9, "column": 7, "code": "InitVariablesError5", "severity": "warning", "path": "outputs.devo_1.config.prot",
                "message": "unknown key, ignored", "hint": "did you mean `port`?",
            }],
            "outputs": [{ "name": "devo_1", "destination": "localhost:443", "optional": false }],
            "units": [{
                "id": "aws/12351/audit-events-all/audits_s3/eu-west-1/trail", "input": "aws",
                "service": "audit-events-all", "tag": "cloud.aws.cloudtrail.events.{account}.{region}",
                "estimate": null,
            }],
        })
    );
}

/// What a user types into the Collector Server, and what the server has.
#[test]
fn a_document_of_the_collector_server_is_completed_by_another_file() {
    let json = r#"{"inputs": {"aws": {"id": "10001", "services": {
        "voiso": {"voiso_sqs_queue_name": "q", "regions": ["eu-west-1"], "colour": "red"}}}}}"#;
    let scene = Scene::new();
    let (globals, _) = scene.yaml.split_once("inputs:").expect("inputs");
    std::fs::create_dir(scene.file("customers")).expect("a folder");
    std::fs::write(scene.file("customers/acme.json"), json).expect("the document");
    std::fs::write(scene.file("server.yaml"), globals).expect("the rest");
    let path = |name: &str| scene.file(name).display().to_string();
    let said =
        quittance(&["check", "--offline", "--config", &path("customers/acme.json"), "--server", &path("server.yaml")]);
    // Certificates are found beside the file that names them.
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let expected =
        format!("{}:2:74: warning: inputs.aws.services.voiso.colour: unknown key", path("customers/acme.json"));
    assert!(said.out.starts_with(&expected), "{}", said.out);
    assert!(said.out.contains("unit aws/10001/voiso/eu-west-1/q: service voiso"), "{}", said.out);
    let said = quittance(&["check", "--offline", "--config", &path("customers/acme.json")]);
    assert!(said.out.contains("`--server FILE` names the file that has `globals` and `outputs`"), "{}", said.out);
}

#[test]
fn usage_ends_with_2() {
    assert_eq!(quittance(&["check", "--colour"]).code, Some(2));
    assert_eq!(quittance(&["validate", "--help"]).code, Some(0));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let said = quittance(&["check", "--config", "/nowhere/config.yaml"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "error: cannot read the configuration `/nowhere/config.yaml`: No such file or directory (os error 2) [InitVariablesError1]\n"
    );
}

/// A receiver and an AWS to ask, and the scene that leads to them.
async fn online(queue: Option<&str>) -> (Scene, DropGuard) {
    let scene = Scene::new();
    let stop = CancellationToken::new();
    let aws = FakeAws::new(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    aws.set_base_url(&endpoint);
    if let Some(queue) = queue {
        aws.create_queue(queue, QueueSettings::default());
    }
    tokio::spawn(server::serve(aws, listener, stop.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (tls, stopped) = (scene.pki.server_config().expect("TLS"), stop.clone());
    tokio::spawn(async move { Sink::new(Keep::Distinct).serve(listener, tls, stopped).await });
    let scene = scene.but("port: 443", &format!("port: {port}")).but("http://localhost:1", &endpoint);
    (scene, stop.drop_guard())
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_and_units_are_asked() {
    let (scene, _servers) = online(Some("trail")).await;
    let said = tokio::task::block_in_place(|| scene.check(&[]));
    // The queue has no redrive policy, keeps messages for 4 days, and nothing says which buckets it announces.
    let expected = "config.yaml:21:7: warning: inputs.aws.services.audit-events-all: unit ";
    for (line, code) in said.out.lines().zip(["[SetupError130]", "[SetupError132]", "[SetupError134]"]) {
        assert!(line.starts_with(expected) && line.ends_with(code), "{}{}", said.out, said.err);
    }
    assert!(said.out.ends_with("0 errors, 3 warnings\n"), "{}", said.out);
    // One long poll after another, and a check of all permissions every 45 s.
    let estimate =
        "  about 590400 calls and 0.50 USD a month with nothing new, and about 0.60 USD for each million objects";
    assert!(said.out.contains(estimate), "{}", said.out);
    assert!(said.out.contains("all units: about 590400 calls and 0.50 USD a month"), "{}", said.out);
    assert_eq!(said.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_is_told_at_its_service() {
    let (scene, _servers) = online(None).await;
    let said = tokio::task::block_in_place(|| scene.check(&[]));
    let expected = "config.yaml:21:7: error: inputs.aws.services.audit-events-all: unit \
                    aws/12351/audit-events-all/audits_s3/eu-west-1/trail: queue `trail` in eu-west-1 cannot be used";
    assert!(said.out.starts_with(expected), "{}{}", said.out, said.err);
    assert!(said.out.lines().next().is_some_and(|line| line.ends_with("[SetupError106]")), "{}", said.out);
    assert_eq!(said.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_certificate_is_told_at_its_output() {
    let (scene, _servers) = online(Some("trail")).await;
    let scene = scene.but("client.crt", "stranger.crt").but("client.key", "stranger.key");
    let said = tokio::task::block_in_place(|| scene.check(&[]));
    assert!(said.out.starts_with("config.yaml:7:5: error: outputs.devo_1.config: "), "{}{}", said.out, said.err);
    assert!(said.out.contains("Check that `cert` is the certificate of your domain"), "{}", said.out);
    assert!(said.out.contains("[ApiError452]\n"), "{}", said.out);
    assert_eq!(said.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_destination_is_told_at_its_output() {
    let (scene, servers) = online(Some("trail")).await;
    drop(servers);
    let scene = scene.but("address: localhost", "address: nowhere.invalid");
    let said = tokio::task::block_in_place(|| scene.check(&[]));
    let expected = "config.yaml:7:5: error: outputs.devo_1.config: cannot connect to nowhere.invalid";
    assert!(said.out.starts_with(expected), "{}{}", said.out, said.err);
    assert_eq!(said.code, Some(1));
}
