//! The JSON schema as an editor reads it: by a validator that knows nothing of us.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use quittance_tests::{Suite, tools};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("schema.py");

pub(crate) fn add(suite: &mut Suite) {
    suite.test_with(tools::jsonschema(), module_path!(), "it_takes_what_we_read", it_takes_what_we_read);
    suite.test_with(tools::jsonschema(), module_path!(), "it_refuses_what_we_refuse", it_refuses_what_we_refuse);
}

/// What completes a document of the Collector Server.
const SERVER: &str = "
globals: {id: 12345, name: aws01, queue_max_elapsed_time_in_sec: 60}
outputs: {out: {type: console}}
";

const WHOLE: &str = "
globals:
  id: '12345'
  name: aws01
  persistence: {type: filesystem, config: {directory_name: state}}
outputs:
  devo_1:
    type: devo_platform
    config: {address: collector-eu.devo.io, port: 443, type: SSL, chain: a, cert: b, key: c, confirm: {interval: 1.5, end_timeout: 2m}}
inputs:
  any name:
    id: '12351'
    enabled: true
    requests_per_second: 100000
    requests_limits: [{period: 1s, number_of_requests: 5}, {period: 60, number_of_requests: 100}]
    credentials: {aws_cross_account_role: 'arn:aws:iam::111122223333:role/a', aws_external_id: ''}
    services:
      audit-events-all:
        types: [audits_api]
        cloudtrail_sqs_queue_name: q
        request_period_in_seconds: 300
        regions: [us-east-1]
      cwl_1: {types: [logs], log_groups: [/aws/lambda/a], regions: [eu-west-1], request_period_in_seconds: 5m}
      another: {types: [logs], log_groups: [b], regions: [eu-west-1]}
";

/// As it is typed into the Collector Server.
const DOCUMENT: &str = r#"{"global_overrides": {"debug": true}, "inputs": {"aws": {"id": 1, "services":
    {"voiso": {"voiso_sqs_queue_name": "q", "regions": ["eu-west-1"]}}}}}"#;

async fn it_takes_what_we_read(python: PathBuf) -> Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let example = fs::read_to_string(repository.join("config.yaml.example"))?;
    let devo = fs::read_to_string(repository.join("crates/collector/tests/it/example.yaml"))?;
    for (configuration, errors) in validate(&python, vec![example, devo, SERVER.into(), WHOLE.into(), DOCUMENT.into()])?
    {
        ensure!(errors == json!([]), "{errors:#} in\n{configuration}");
    }
    Ok(())
}

async fn it_refuses_what_we_refuse(python: PathBuf) -> Result<()> {
    let wrong = [
        ("port: 443", "port: https"),
        ("port: 443", "port: 70000"),
        ("type: SSL", "type: UDP"),
        ("type: devo_platform", "type: devo"),
        ("  name: aws01\n", ""),
        ("address: collector-eu.devo.io, ", ""),
        ("enabled: true", "enabled: maybe"),
        ("period: 1s", "period: soon"),
        ("period: 60", "period: -60"),
        ("number_of_requests: 5", "number_of_requests: many"),
        ("interval: 1.5", "interval: 1.5w"),
        ("regions: [us-east-1]", "regions: us-east-1"),
        ("        types: [audits_api]\n", ""),
        ("audit-events-all:", "audit-event-all:"),
        ("another: {types: [logs]", "another: {types: [log]"),
        ("log_groups: [b], ", ""),
        ("    services:", "    service:"),
        ("outputs:", "output:"),
    ];
    let mut configurations = vec![DOCUMENT.replacen("\"inputs\"", "\"outputs\": {}, \"inputs\"", 1)];
    for (right, wrong) in wrong {
        ensure!(WHOLE.contains(right), "{right} is not there");
        configurations.push(WHOLE.replacen(right, wrong, 1));
    }
    for (configuration, errors) in validate(&python, configurations)? {
        ensure!(errors != json!([]), "nothing is found in\n{configuration}");
    }
    Ok(())
}

/// Each configuration with what the validator says of it.
fn validate(python: &Path, configurations: Vec<String>) -> Result<Vec<(String, Value)>> {
    let schema = Command::new(tools::binary()?).arg("schema").output().context("cannot start `quittance`")?;
    let asked = json!({"schema": serde_json::from_slice::<Value>(&schema.stdout)?, "configurations": configurations});
    let mut script = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", python.display()))?;
    script.stdin.take().context("its input")?.write_all(asked.to_string().as_bytes())?;
    let said = script.wait_with_output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let errors: Vec<Value> = serde_json::from_slice(&said.stdout)?;
    Ok(configurations.into_iter().zip(errors).collect())
}
