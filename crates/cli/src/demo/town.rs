//! What stands around the collector in the demo: a fake AWS with data, certificates, a receiver, a configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use quittance_testbed::{
    aws::{FakeAws, QueueSettings, Shape, server},
    certificates::Pki,
    generate::{Origin, cloudtrail, gzip},
    sink::{Keep, Sink},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

const REGION: &str = "eu-west-1";
const AUDIT_QUEUE: &str = "demo-audit";
const AUDIT_BUCKET: &str = "demo-trail";

/// Events of one object, as busy trails have them.
const EVENTS_PER_OBJECT: u64 = 500;

/// Announced objects that may wait in the queue: the writer is no faster than the collector by more than this.
const AHEAD: u64 = 32;

/// Everything but the collector.
pub(super) struct Town {
    pub(super) config: PathBuf,
    pub(super) sink: Sink,
    aws: FakeAws,
    seed: u64,
    /// Ends the servers.
    _stop: DropGuard,
}

impl Town {
    /// Brings it up, with its files in `folder`.
    pub(super) async fn build(folder: &Path, seed: u64) -> Result<Arc<Town>> {
        let pki = Pki::new().context("cannot make certificates")?;
        let certs = folder.join("certs");
        fs::create_dir_all(&certs)
            .and_then(|()| fs::write(certs.join("chain.crt"), pki.authority.pem()))
            .context("cannot write certificates")?;
        pki.client.write_to(&certs, "demo").context("cannot write the client certificate")?;

        let stop = CancellationToken::new();
        let aws = FakeAws::new(seed);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        aws.set_base_url(&endpoint);
        aws.create_queue(AUDIT_QUEUE, QueueSettings::default());
        aws.create_bucket(AUDIT_BUCKET);
        aws.notify(AUDIT_BUCKET, AUDIT_QUEUE, Shape::S3Event);
        tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));

        let sink = Sink::new(Keep::Distinct);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let (receiver, tls, stopped) = (sink.clone(), pki.server_config()?, stop.clone());
        tokio::spawn(async move { receiver.serve(listener, tls, stopped).await });

        let config = folder.join("config").join("config.yaml");
        fs::create_dir_all(folder.join("config"))
            .and_then(|()| fs::write(&config, configuration(&endpoint, port)))
            .context("cannot write the configuration")?;
        Ok(Arc::new(Town { config, sink, aws, seed, _stop: stop.drop_guard() }))
    }

    /// Writes objects with `events` events in all, a little ahead of the collector.
    pub(super) async fn write(self: Arc<Self>, events: u64) -> Result<u64> {
        let time: Timestamp = "2026-01-15T12:00:00Z".parse().context("the demo's base time")?;
        let mut written = 0;
        while written < events {
            while self.aws.counts(AUDIT_QUEUE).visible >= AHEAD {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let count = EVENTS_PER_OBJECT.min(events - written);
            let (first, seed) = (written, self.seed ^ written.rotate_left(32));
            // Writing and compressing takes milliseconds of pure computing.
            let (key, object) = tokio::task::spawn_blocking(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                let origin = Origin::any(&mut rng, time);
                let object = cloudtrail::object(&mut rng, &origin, first, count as usize);
                (cloudtrail::key(&mut rng, &origin), gzip(&object, 6))
            })
            .await
            .context("generating data")?;
            self.aws.put_object(AUDIT_BUCKET, &key, object);
            written += count;
        }
        Ok(written)
    }

    /// Messages that the collector has deleted.
    pub(super) fn deleted(&self) -> u64 {
        self.aws.counts(AUDIT_QUEUE).deleted
    }

    /// Whether no message is left.
    pub(super) fn is_settled(&self) -> bool {
        let counts = self.aws.counts(AUDIT_QUEUE);
        counts.visible == 0 && counts.in_flight == 0
    }
}

fn configuration(endpoint: &str, port: u16) -> String {
    format!(
        r#"# Written by `quittance demo`; the shape is that of Devo's own collector.
globals:
  id: "demo"
  name: demo
outputs:
  devo_demo:
    type: devo_platform
    config:
      address: localhost
      port: {port}
      chain: chain.crt
      cert: demo.crt
      key: demo.key
      confirm:
        interval: 2s
inputs:
  aws:
    id: "10001"
    enabled: true
    endpoint_url: {endpoint}
    proxy: none
    credentials:
      access_key: AKIADEMODEMODEMODEMO
      access_secret: demo
    services:
      audit-events-all:
        types: [audits_s3]
        audit_sqs_queue_name: {AUDIT_QUEUE}
        auto_event_type: true
        regions: [{REGION}]
"#
    )
}
