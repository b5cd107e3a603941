//! A collector between a fake AWS and a receiver, each a process, and what it takes of the machine meanwhile.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{aws::Shape, sink::Fault};
use quittance_tests::{
    Collector, Configuration, Place,
    cloud::{BUCKET, QUEUE},
};

use super::usage::Samples;
use crate::{
    aws::{self, AwsOrder},
    clock::now,
    load::{CALLS, GROUP},
    remote::Remote,
    sink::{SinkOrder, SinkPlace},
};

/// A bucket that announces nothing.
pub(super) const SILENT: &str = "silent";

/// How often samples are taken.
const SAMPLE: Duration = Duration::from_millis(100);

/// How long a backlog may take until it is worked off.
const PATIENCE: Duration = Duration::from_secs(900);

/// A collector at work, and around it.
pub(super) struct Scene {
    /// How much of the full size is wanted.
    pub(super) scale: f64,
    /// How long a load by time lasts.
    pub(super) lasts: Duration,
    /// Events that must arrive.
    pub(super) expected: u64,
    pub(super) usage: Samples,
    aws: Remote<AwsOrder>,
    sink: Remote<SinkOrder>,
    collector: Collector,
    /// Last, for the others stand in its folder.
    _place: Place,
}

impl Scene {
    /// Starts all of them, with nothing to collect yet.
    pub(super) fn start(services: String, scale: f64, minutes: f64) -> Result<Scene> {
        let place = Place::new()?;
        let (certs, arrivals) = (place.folder().join("sink"), place.folder().join("arrivals"));
        place.pki.write_to(&certs)?;
        let (mut aws, endpoint) = aws::start(1, &arrivals)?;
        for queue in [QUEUE, CALLS] {
            aws.ask(&AwsOrder::Queue { name: queue.to_owned(), max_receives: None })?;
        }
        for (name, queue) in [(BUCKET, Some(QUEUE.to_owned())), (SILENT, None)] {
            let (name, shape) = (name.to_owned(), Shape::S3Event);
            aws.ask(&AwsOrder::Bucket { name, queue, shape, versions: false, checksums: false })?;
        }
        // Groups are listed every five minutes only: it is there from the beginning, with something too old to be read.
        let old = (Timestamp::now() - SignedDuration::from_hours(24)).as_millisecond();
        aws.ask(&AwsOrder::Log { group: GROUP.to_owned(), events: vec![(old, "old".to_owned())] })?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut at = SinkPlace { within: Vec::new(), listen, certs, arrivals };
        let sink = at.start()?;
        let mut configuration = Configuration::new(at.listen.port(), &endpoint);
        configuration.interval = "1s";
        configuration.services = services;
        let collector = Collector::start(&place.write(&configuration)?)?;
        let lasts = Duration::from_secs_f64(minutes * 60.0);
        let usage = Samples::default();
        Ok(Scene { scale, lasts, expected: 0, usage, aws, sink, collector, _place: place })
    }

    /// So much of a number of the full size, and one at least.
    pub(super) fn scaled(&self, full: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(1)
    }

    /// Puts an object of so many events under each key of this prefix and a number.
    pub(super) fn put(&mut self, prefix: &str, numbers: Range<u64>, bytes: &[u8], events: u64) -> Result<()> {
        self.put_into(BUCKET, prefix, numbers, bytes, events)
    }

    /// The same in one of these buckets.
    pub(super) fn put_into(
        &mut self,
        bucket: &str,
        prefix: &str,
        numbers: Range<u64>,
        bytes: &[u8],
        events: u64,
    ) -> Result<()> {
        self.expected += (numbers.end - numbers.start) * events;
        let (bucket, prefix, bytes) = (bucket.to_owned(), prefix.to_owned(), STANDARD.encode(bytes));
        self.order(&AwsOrder::PutMany { bucket, prefix, first: numbers.start, end: numbers.end, bytes })
    }

    /// Sends messages to a queue.
    pub(super) fn send(&mut self, queue: &str, bodies: Vec<String>) -> Result<()> {
        self.order(&AwsOrder::Send { queue: queue.to_owned(), bodies })
    }

    /// Orders something of the fake AWS.
    pub(super) fn order(&mut self, order: &AwsOrder) -> Result<()> {
        self.aws.ask(order).map(drop)
    }

    /// Sets how fast the receiver reads each connection that is made from now on, in bytes a second.
    pub(super) fn receiver_reads(&mut self, rate: Option<u64>) -> Result<()> {
        self.sink.ask(&SinkOrder::Always(rate.map(Fault::SlowReader))).map(drop)
    }

    /// Events that have arrived.
    pub(super) fn arrived(&mut self) -> Result<u64> {
        Ok(self.sink.ask(&SinkOrder::State)?.events)
    }

    /// Messages that are not deleted yet.
    pub(super) fn waiting(&mut self) -> Result<u64> {
        let state = self.aws.ask(&AwsOrder::State)?;
        Ok(state.queues.values().map(|queue| queue.visible + queue.in_flight).sum())
    }

    /// Some time passes; samples are taken.
    pub(super) fn pass(&mut self, time: Duration) -> Result<()> {
        let end = now() + time;
        loop {
            if let Some(status) = self.collector.has_ended() {
                bail!("the collector ended by itself: {status}");
            }
            self.usage.take(self.collector.id())?;
            let left = end.saturating_duration_since(now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(SAMPLE.min(left));
        }
    }

    /// Waits until nothing waits at AWS and everything has arrived.
    pub(super) fn drain(&mut self) -> Result<()> {
        let end = now() + PATIENCE;
        loop {
            self.pass(SAMPLE)?;
            let waiting = self.waiting()?;
            if waiting == 0 && self.arrived()? >= self.expected {
                return Ok(());
            }
            ensure!(
                now() < end,
                "{waiting} messages wait still, and {} of {} events came",
                self.arrived()?,
                self.expected
            );
        }
    }

    /// Stops the collector in order; says how many events it has set aside.
    pub(super) fn stop(mut self) -> Result<u64> {
        self.collector.terminate()?;
        let end = now() + Duration::from_secs(60);
        while self.collector.has_ended().is_none() {
            ensure!(now() < end, "the collector does not stop");
            sleep(SAMPLE);
        }
        let log = self.collector.log();
        let line = log.lines().rev().find(|line| line.contains("INFO ledger ")).context("no ledger in the log")?;
        let count = line.split_whitespace().find_map(|word| word.strip_prefix("quarantined="));
        count.context("no count in the ledger")?.parse().context("no number in the ledger")
    }
}
