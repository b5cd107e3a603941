//! The fake AWS, asked by the official Python client, which was made by others: what no emulator has, our own tests rest on.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::aws::{FakeAws, Place, server};
use quittance_tests::{Suite, tools};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

const REGION: &str = "eu-west-1";

const SCRIPT: &str = include_str!("botocore_logs.py");

pub(crate) fn add(suite: &mut Suite) {
    // moto stands on botocore.
    suite.test_with(tools::moto(), module_path!(), "audit_events_and_log_events", audit_events_and_log_events);
}

async fn audit_events_and_log_events(python: PathBuf) -> Result<()> {
    let aws = FakeAws::new(3);
    let place = Place::new(aws.account(), REGION);
    let now = Timestamp::from_second(aws.now().as_second())?;
    let ago = |seconds: i64| now - SignedDuration::from_secs(seconds);
    for n in 0..120 {
        aws.put_audit_event(&place, ago(300 - n), now, record(n));
    }
    // Not yet there, in another region, and too old.
    aws.put_audit_event(&place, now, now + SignedDuration::from_hours(1), record(200));
    aws.put_audit_event(&Place::default(), now, now, record(201));
    aws.put_audit_event(&place, ago(91 * 86_400), now, record(202));
    for n in 0..60 {
        aws.create_log_group(&place, &format!("/app/{n:02}"));
    }
    aws.empty_pages("FilterLogEvents", 2);
    // More than the script asks before it tries to pass it.
    aws.set_quota("LookupEvents", 20);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(server::serve(aws.clone(), listener, stop));
    let told = ask(&python, &endpoint).await?;

    let audits = &told["audits"];
    assert_eq!(audits["pages"], json!([50, 50, 20]));
    let ids: Vec<String> = (0..120).rev().map(|n| format!("id-{n}")).collect();
    assert_eq!(audits["ids"], json!(ids));
    let times: Vec<f64> = (0..120).rev().map(|n| ago(300 - n).as_second() as f64).collect();
    assert_eq!(audits["times"], json!(times));
    assert_eq!(
        audits["last"],
        json!({
            "EventName": "RunInstances", "EventSource": "ec2.amazonaws.com", "ReadOnly": "false",
            "AccessKeyId": "AKIAUSER", "Username": "ann",
        })
    );
    assert_eq!(audits["record"], serde_json::from_str::<Value>(&record(0))?);
    assert_eq!(
        audits["resources"],
        json!([{ "ResourceType": "AWS::EC2::Instance", "ResourceName": "arn:aws:ec2:::i-1" }])
    );
    assert_eq!(audits["of_a_second"], json!(["id-0"]));
    assert_eq!(audits["named"], 50);
    assert_eq!(audits["another_question"], json!(["InvalidNextTokenException", 400]));
    assert_eq!(audits["made_up_token"], json!(["InvalidNextTokenException", 400]));
    assert_eq!(audits["too_many"], json!(["InvalidMaxResultsException", 400]));
    assert_eq!(audits["backwards"], json!(["InvalidTimeRangeException", 400]));
    assert_eq!(audits["throttled"], json!(["ThrottlingException", 400]));

    let logs = &told["logs"];
    assert_eq!(logs["pages"], json!([0, 0, 10_000, 2_300]));
    assert_eq!(logs["messages"], json!(["0 0000 größe", "1 0000 größe", "2 0000 größe"]));
    assert_eq!((&logs["ids"], &logs["id_digits"]), (&json!(12_300), &json!([56])));
    assert_eq!(logs["keys"], json!(["eventId", "ingestionTime", "logStreamName", "message", "timestamp"]));
    assert_eq!(logs["times"], true);
    let groups: Vec<String> = (0..60).map(|n| format!("/app/{n:02}")).chain(["/app/web".to_owned()]).collect();
    assert_eq!(logs["groups"], json!(groups));
    assert_eq!(logs["matching"], 1);
    assert_eq!(logs["by_arn"], 7);
    assert_eq!(logs["rejected"], json!({ "tooOldLogEventEndIndex": 1 }));
    assert_eq!(logs["another_question"], json!(["InvalidParameterException", 400]));
    assert_eq!(logs["no_group"], json!(["ResourceNotFoundException", 400]));
    assert_eq!(logs["two_groups"], json!(["InvalidParameterException", 400]));
    assert_eq!(logs["again"], json!(["ResourceAlreadyExistsException", 400]));
    Ok(())
}

async fn ask(python: &Path, endpoint: &str) -> Result<Value> {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, endpoint]).stdin(Stdio::null());
    for variable in ["AWS_PROFILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(variable);
    }
    let ended = spawn_blocking(move || command.output());
    let output = timeout(Duration::from_secs(60), ended).await.context("it takes too long")???;
    ensure!(output.status.success(), "botocore failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("not what the script prints")
}

fn record(n: i64) -> String {
    json!({
        "eventVersion": "1.11", "eventID": format!("id-{n}"), "eventName": "RunInstances",
        "eventSource": "ec2.amazonaws.com", "readOnly": false, "awsRegion": REGION,
        "userIdentity": { "type": "IAMUser", "userName": "ann", "accessKeyId": "AKIAUSER" },
        "resources": [{ "type": "AWS::EC2::Instance", "ARN": "arn:aws:ec2:::i-1" }],
    })
    .to_string()
}
