//! What stands around the collector in the demo: a fake AWS with data, certificates, a receiver, a configuration.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use fastrand::Rng;
use jiff::Timestamp;
use quittance_testbed::{
    aws::{FakeAws, MessageId, QueueSettings, Shape, server},
    certificates::{BOTH_VERSIONS, Pki},
    generate::{Origin, cloudfront, cloudtrail, eventbridge, gzip, securityhub, umbrella, voiso, vpcflow},
    sink::{Keep, Sink},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::history::History;

pub(super) const REGION: &str = "eu-west-1";

/// Announced objects that may wait in a queue: the writer is no faster than the collector by more than this.
const OBJECTS_AHEAD: u64 = 16;

/// The same for messages that are events.
const MESSAGES_AHEAD: u64 = 1000;

/// Where data comes from, in the order of the services in the configuration.
const SOURCES: [Source; 7] = [
    Source {
        queue: "demo-events",
        share: 5,
        data: Data::Messages { events: 1, write: |rng, origin, first, _| eventbridge::event(rng, origin, first) },
    },
    Source { queue: "demo-findings", share: 5, data: Data::Messages { events: 3, write: securityhub::message } },
    Source {
        queue: "demo-audit",
        share: 45,
        data: Data::Objects {
            bucket: "demo-trail",
            events: 500,
            shape: Shape::S3Event,
            write: |rng, origin, first, events| {
                let object = cloudtrail::object(rng, origin, first, events);
                (cloudtrail::key(rng, origin), object)
            },
        },
    },
    Source {
        queue: "demo-vpcflow",
        share: 20,
        data: Data::Objects {
            bucket: "demo-flows",
            events: 2000,
            shape: Shape::SnsWrapped,
            write: |rng, origin, first, events| {
                let object = vpcflow::object(rng, origin, first, events);
                (vpcflow::key(rng, origin), object)
            },
        },
    },
    Source {
        queue: "demo-cloudfront",
        share: 13,
        data: Data::Objects {
            bucket: "demo-cdn",
            events: 500,
            shape: Shape::EventBridge,
            write: |rng, origin, first, events| {
                let object = cloudfront::object(rng, origin, first, events);
                (cloudfront::key(rng, origin), object)
            },
        },
    },
    Source {
        queue: "demo-umbrella",
        share: 10,
        data: Data::Objects {
            bucket: "demo-umbrella",
            events: 300,
            shape: Shape::S3Event,
            write: |rng, origin, first, events| {
                let log = umbrella::Log::any(rng);
                (umbrella::key(rng, origin, log), umbrella::object(rng, origin, log, first, events))
            },
        },
    },
    Source {
        queue: "demo-voiso",
        share: 2,
        data: Data::Messages { events: 1, write: |rng, origin, first, _| voiso::event(rng, origin, first) },
    },
];

/// The source that writes whatever the shares leave over.
const LARGEST: usize = 2;

/// A queue and what stands behind it.
struct Source {
    queue: &'static str,
    /// Of a hundred events, how many come from here.
    share: u64,
    data: Data,
}

/// Makes an object's key and content from the first ordinal and the number of its events.
type WriteObject = fn(&mut Rng, &Origin, u64, usize) -> (String, Vec<u8>);

#[derive(Clone, Copy)]
enum Data {
    /// Every message holds events.
    Messages {
        /// Events of one message.
        events: u64,
        write: fn(&mut Rng, &Origin, u64, u64) -> String,
    },
    /// Every message announces an object.
    Objects {
        bucket: &'static str,
        /// Events of one object, as busy accounts have them.
        events: u64,
        /// How it is announced.
        shape: Shape,
        write: WriteObject,
    },
}

impl Source {
    /// Whether the collector has enough to do here.
    fn is_ahead(&self, aws: &FakeAws) -> bool {
        let most = match self.data {
            Data::Messages { .. } => MESSAGES_AHEAD,
            Data::Objects { .. } => OBJECTS_AHEAD,
        };
        aws.counts(self.queue).visible >= most
    }
}

/// Where a town can be reached.
pub(super) struct Reach<'a> {
    /// Addresses to listen at.
    pub(super) listen: IpAddr,
    /// What the collector calls it.
    pub(super) host: &'a str,
}

impl Reach<'_> {
    /// From this machine.
    pub(super) const HERE: Reach<'static> = Reach { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), host: "localhost" };
}

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
    /// Brings it up, with its files in `folder`. The configuration is written last: where it is, all is there.
    pub(super) async fn build(folder: &Path, reach: &Reach<'_>, seed: u64, history: &History) -> Result<Arc<Town>> {
        let config = folder.join("config").join("config.yaml");
        // Of another run.
        _ = fs::remove_file(&config);
        let Reach { listen, host } = *reach;
        let pki = Pki::new().context("cannot make certificates")?;
        let certs = folder.join("certs");
        fs::create_dir_all(&certs)
            .and_then(|()| fs::write(certs.join("chain.crt"), pki.authority.pem()))
            .context("cannot write certificates")?;
        pki.client.write_to(&certs, "demo").context("cannot write the client certificate")?;

        let stop = CancellationToken::new();
        let aws = FakeAws::new(seed);
        let listener = TcpListener::bind((listen, 0)).await.context("cannot listen")?;
        let endpoint = format!("http://{host}:{}", listener.local_addr()?.port());
        aws.set_base_url(&endpoint);
        for source in &SOURCES {
            aws.create_queue(source.queue, QueueSettings::default());
            if let Data::Objects { bucket, .. } = source.data {
                aws.create_bucket(bucket);
            }
        }
        history.write(&aws, &mut Rng::with_seed(seed));
        let start = History::start(aws.now());
        tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));

        let sink = Sink::new(Keep::Distinct);
        let listener = TcpListener::bind((listen, 0)).await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let tls = pki.server_config_with(&pki.authority.server(&[host])?, BOTH_VERSIONS)?;
        let (receiver, stopped) = (sink.clone(), stop.clone());
        tokio::spawn(async move { receiver.serve(listener, tls, stopped).await });

        fs::create_dir_all(folder.join("config"))
            .and_then(|()| fs::write(&config, configuration(&endpoint, host, port, start)))
            .context("cannot write the configuration")?;
        Ok(Arc::new(Town { config, sink, aws, seed, _stop: stop.drop_guard() }))
    }

    /// Writes `events` events in all, a little ahead of the collector.
    pub(super) async fn write(self: Arc<Self>, events: u64) -> Result<u64> {
        let mut writers: Vec<_> = SOURCES.iter().map(|source| Writer::new(source, events)).collect();
        writers[LARGEST].left += events - writers.iter().map(|writer| writer.left).sum::<u64>();
        while writers.iter().any(|writer| writer.left > 0) {
            writers.iter_mut().for_each(|writer| writer.clear(&self.aws));
            let open = writers.iter_mut().filter(|writer| writer.left > 0 && !writer.source.is_ahead(&self.aws));
            // The one that is furthest behind its share.
            match open.max_by_key(|writer| writer.left * 100 / writer.source.share) {
                Some(writer) => writer.write(&self.aws, self.seed).await?,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        Ok(events)
    }

    /// Messages that the collector has deleted.
    pub(super) fn deleted(&self) -> u64 {
        SOURCES.iter().map(|source| self.aws.counts(source.queue).deleted).sum()
    }

    /// Whether no message is left.
    pub(super) fn is_settled(&self) -> bool {
        let counts = SOURCES.iter().map(|source| self.aws.counts(source.queue));
        counts.map(|counts| counts.visible + counts.in_flight).sum::<u64>() == 0
    }
}

/// Writes one source's data.
struct Writer {
    source: &'static Source,
    written: u64,
    left: u64,
    /// Keys of announced objects. Objects are removed once their message is deleted, to keep this process small.
    announced: HashMap<MessageId, String>,
    cleared: usize,
}

impl Writer {
    fn new(source: &'static Source, events: u64) -> Writer {
        let left = events * source.share / 100;
        Writer { source, written: 0, left, announced: HashMap::new(), cleared: 0 }
    }

    /// Writes an object, or some messages.
    async fn write(&mut self, aws: &FakeAws, seed: u64) -> Result<()> {
        let time: Timestamp = "2026-01-15T12:00:00Z".parse().context("the demo's base time")?;
        let (first, queue) = (self.written, self.source.queue);
        let mut rng = Rng::with_seed(seed ^ self.source.share ^ first.rotate_left(32));
        let origin = Origin::any(&mut rng, time);
        let count = match self.source.data {
            Data::Messages { events, write } => {
                let count = self.left.min(100);
                for n in (first..first + count).step_by(events as usize) {
                    aws.send(queue, write(&mut rng, &origin, n, events.min(first + count - n)));
                }
                count
            }
            Data::Objects { bucket, events, shape, write } => {
                let count = self.left.min(events);
                // Writing and compressing takes milliseconds of pure computing.
                let object = tokio::task::spawn_blocking(move || {
                    let (key, object) = write(&mut rng, &origin, first, count as usize);
                    (key, gzip(&object, 6))
                });
                let (key, object) = object.await.context("generating data")?;
                let size = object.len() as u64;
                let etag = aws.put_object(bucket, &key, object);
                let id = aws.send(queue, aws.notification(shape, bucket, &key, size, &etag));
                self.announced.insert(id, key);
                count
            }
        };
        self.written += count;
        self.left -= count;
        Ok(())
    }

    /// Removes the objects whose messages are deleted.
    fn clear(&mut self, aws: &FakeAws) {
        let Data::Objects { bucket, .. } = self.source.data else { return };
        if aws.counts(self.source.queue).deleted == self.cleared as u64 {
            return;
        }
        let deleted = aws.deleted_ids(self.source.queue);
        for id in &deleted[self.cleared..] {
            if let Some(key) = self.announced.remove(id) {
                aws.delete_object(bucket, &key);
            }
        }
        self.cleared = deleted.len();
    }
}

fn configuration(endpoint: &str, host: &str, port: u16, start: Timestamp) -> String {
    let [events, findings, audit, vpcflow, cloudfront, umbrella, voiso] = SOURCES.map(|source| source.queue);
    format!(
        r#"# Written by `quittance demo`; the shape is that of Devo's own collector.
globals:
  id: "demo"
  name: demo
outputs:
  devo_demo:
    type: devo_platform
    config:
      address: {host}
      port: {port}
      chain: chain.crt
      cert: demo.crt
      key: demo.key
      confirm:
        interval: 500ms
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
      service-events-all:
        cloudwatch_sqs_queue_name: {events}
        auto_event_type: true
        regions: [{REGION}]
      sqs-cloudwatch-consumer:
        cloudwatch_sqs_queue_name: {findings}
        regions: [{REGION}]
      audit-events-all:
        types: [audits_s3, audits_api]
        audit_sqs_queue_name: {audit}
        auto_event_type: true
        regions: [{REGION}]
        start_time: "{start}"
      non-cloudwatch-logs:
        types: [vpcflowlogs, cloudfront]
        vpcflowlogs_sqs_queue_name: {vpcflow}
        cloudfront_sqs_queue_name: {cloudfront}
        regions: [{REGION}]
      cisco-umbrella:
        cisco_umbrella_sqs_queue_name: {umbrella}
        regions: [{REGION}]
      voiso:
        voiso_sqs_queue_name: {voiso}
        regions: [{REGION}]
      metrics-all:
        regions: [{REGION}]
        statistics: [Sum]
        start_time: "{start}"
      aws-guardduty:
        regions: [{REGION}]
        start_time: "{start}"
      app_logs:
        types: [logs]
        log_groups: ["/app/*"]
        regions: [{REGION}]
        start_time: "{start}"
"#
    )
}
