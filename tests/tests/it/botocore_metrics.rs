//! The fake AWS's metrics and findings, understood by a client that we did not write.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use quittance_testbed::aws::{FakeAws, Place, server};
use quittance_tests::{Suite, tools};
use tokio::{net::TcpListener, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

const SCRIPT: &str = include_str!("botocore_metrics.py");

/// When the findings were updated first, `2026-01-01T00:00:00Z`.
const START: i64 = 1_767_225_600_000;

pub(crate) fn add(suite: &mut Suite) {
    // moto stands on botocore.
    suite.test_with(tools::moto(), module_path!(), "botocore_understands_metrics_and_findings", understands);
}

async fn understands(python: PathBuf) -> Result<()> {
    let aws = FakeAws::new(1);
    let detector = aws.add_detector(&Place::default());
    for count in 0..130 {
        let updated = Timestamp::from_millisecond(START + count)?;
        // Those that a search leaves out.
        let archived = count % 10 == 5;
        let finding = format!(
            r#"{{"schemaVersion":"2.0","accountId":"111122223333","region":"us-east-1","id":"f{count:03}","arn":"a","type":"T","resource":{{}},"service":{{"archived":{archived},"count":{count}}},"severity":5.0,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"{updated:.3}"}}"#
        );
        aws.put_finding(&detector, finding);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server::serve(aws, listener, stop.clone()));
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, &endpoint, &detector]).stdin(Stdio::null());
    for variable in ["AWS_PROFILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env_remove(variable);
    }
    let ended = spawn_blocking(move || command.output());
    let output = timeout(Duration::from_secs(60), ended).await.context("it takes too long")???;
    stop.cancel();
    serving.await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && output.stdout == b"understood\n", "{}\n{said}", output.status);
    Ok(())
}
