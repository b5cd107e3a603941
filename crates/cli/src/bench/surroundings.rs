//! The other end of both sides, in a process of its own: a fake AWS with the objects and a receiver that only counts.

use std::{
    fs,
    io::{BufRead, BufReader, Read, stdin},
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
};

use anyhow::{Context, Result};
use clap::Args;
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Shape, server},
    certificates::Pki,
    sink::{Keep, Sink},
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::data::{Kind, objects};

const QUEUE: &str = "bench";
const BUCKET: &str = "bench-objects";

#[derive(Args)]
pub(crate) struct TownOptions {
    /// Where certificates are written.
    folder: PathBuf,
    #[arg(value_enum)]
    kind: Kind,
    /// How often every object is announced.
    rounds: u64,
}

/// Where the other end is.
#[derive(Serialize, Deserialize)]
struct Addresses {
    endpoint: String,
    port: u16,
}

/// A running process with the other end.
pub(super) struct Surroundings {
    folder: TempDir,
    addresses: Addresses,
    kind: Kind,
    child: Child,
}

impl Surroundings {
    pub(super) fn start(kind: Kind, rounds: u64) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut child = Command::new(std::env::current_exe().context("cannot find this program")?)
            .arg("bench-town")
            .arg(folder.path())
            .args([kind.name(), &rounds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the other end")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the other end has no output")?;
        BufReader::new(stdout).read_line(&mut line).context("the other end does not answer")?;
        let addresses = serde_json::from_str(&line).context("the other end's answer")?;
        Ok(Surroundings { folder, addresses, kind, child })
    }

    pub(super) fn certs(&self) -> PathBuf {
        self.folder.path().join("certs")
    }

    pub(super) fn port(&self) -> u16 {
        self.addresses.port
    }

    /// Writes the collector's configuration for this other end, with these keys of `confirm`.
    pub(super) fn config(&self, confirm: &str) -> Result<PathBuf> {
        let service = match self.kind {
            Kind::Cloudtrail => format!(
                "audit-events-all: {{types: [audits_s3], audit_sqs_queue_name: {QUEUE}, auto_event_type: true, regions: [us-east-1]}}"
            ),
            kind => format!(
                "non-cloudwatch-logs: {{types: [{0}], {0}_sqs_queue_name: {QUEUE}, regions: [us-east-1]}}",
                if kind == Kind::Vpcflow { "vpcflowlogs" } else { "cloudfront" }
            ),
        };
        let text = format!(
            r#"
globals: {{id: "bench", name: bench}}
outputs:
  devo_bench:
    type: devo_platform
    config: {{address: localhost, port: {}, chain: chain.crt, cert: bench.crt, key: bench.key, confirm: {{{confirm}}}}}
inputs:
  aws:
    id: "10001"
    enabled: true
    endpoint_url: {}
    proxy: none
    credentials: {{access_key: AKIABENCHBENCHBENCH0, access_secret: bench}}
    services:
      {service}
"#,
            self.addresses.port, self.addresses.endpoint
        );
        let path = self.folder.path().join("config.yaml");
        fs::write(&path, text).context("cannot write the configuration")?;
        Ok(path)
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.child.stdin.take());
        _ = self.child.wait();
    }
}

/// The other process: serves until its standard input ends.
pub(crate) async fn town(options: TownOptions) -> Result<ExitCode> {
    let pki = Pki::new().context("cannot make certificates")?;
    let certs = options.folder.join("certs");
    fs::create_dir_all(&certs)?;
    fs::write(certs.join("chain.crt"), pki.authority.pem())?;
    pki.client.write_to(&certs, "bench")?;
    let stop = CancellationToken::new();
    let aws = FakeAws::new(1);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    aws.set_base_url(&endpoint);
    aws.create_queue(QUEUE, QueueSettings::default());
    for (key, object) in objects(options.kind).objects {
        let size = object.len();
        let etag = aws.put_object(BUCKET, &key, object);
        for _ in 0..options.rounds {
            aws.send(QUEUE, aws.notification(Shape::S3Event, BUCKET, &key, size as u64, &etag));
        }
    }
    tokio::spawn(server::serve(aws, listener, stop.clone()));
    let sink = Sink::new(Keep::Nothing);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (tls, stopped) = (pki.server_config()?, stop.clone());
    tokio::spawn(async move { sink.serve(listener, tls, stopped).await });
    println!("{}", serde_json::to_string(&Addresses { endpoint, port })?);
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    stop.cancel();
    Ok(ExitCode::SUCCESS)
}
