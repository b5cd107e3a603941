//! What the sources hold: events by seed, each of which must arrive.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use quittance_testbed::{
    aws::{ACCOUNT, BodyFault, Shape},
    generate::{Origin, logs, voiso},
};
use quittance_tests::{
    Events,
    cloud::{BUCKET, QUEUE, REGION},
    configuration::audits,
    expect, trail,
};

use crate::{
    arrivals::Mark,
    aws::{AwsOrder, AwsState},
    remote::Remote,
};

/// The queue whose messages are events.
pub(crate) const CALLS: &str = "calls";

/// The log group that is asked by time.
pub(crate) const GROUP: &str = "/app/web";

/// One for each engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Objects that a queue announces.
    Objects,
    /// Events in messages.
    Queue,
    /// An API that is asked by time.
    Api,
}

impl Source {
    pub(crate) const ALL: [Source; 3] = [Source::Objects, Source::Queue, Source::Api];

    /// The queue that it reads, if it reads one.
    pub(crate) fn queue(self) -> Option<&'static str> {
        match self {
            Source::Objects => Some(QUEUE),
            Source::Queue => Some(CALLS),
            Source::Api => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Objects => "objects",
            Source::Queue => "queue",
            Source::Api => "api",
        }
    }
}

/// The sources of a round, and everything that was put into them.
pub(crate) struct Load {
    pub(crate) sources: Vec<Source>,
    /// What must arrive.
    pub(crate) expected: HashMap<Mark, Source>,
    /// What each message stands for.
    pub(crate) messages: HashMap<String, Vec<Mark>>,
    /// Whether a newline inside an event is sent as `\\n`.
    pub(crate) escaped: bool,
    /// Bytes of all that was put in.
    pub(crate) bytes: u64,
    /// Keys of the objects, in order.
    pub(crate) keys: Vec<String>,
    written: u64,
}

impl Load {
    pub(crate) fn new(sources: Vec<Source>) -> Load {
        Load {
            sources,
            expected: HashMap::new(),
            messages: HashMap::new(),
            escaped: false,
            bytes: 0,
            keys: Vec::new(),
            written: 0,
        }
    }

    pub(crate) fn has(&self, source: Source) -> bool {
        self.sources.contains(&source)
    }

    /// Makes queues and bucket.
    pub(crate) fn prepare(&self, aws: &mut Remote<AwsOrder>, max_receives: Option<u32>, versions: bool) -> Result<()> {
        for queue in self.sources.iter().filter_map(|source| source.queue()) {
            aws.ask(&AwsOrder::Queue { name: queue.to_owned(), max_receives })?;
        }
        if self.has(Source::Objects) {
            let (name, queue) = (BUCKET.to_owned(), Some(QUEUE.to_owned()));
            aws.ask(&AwsOrder::Bucket { name, queue, shape: Shape::S3Event, versions, checksums: true })?;
        }
        Ok(())
    }

    /// The sections under `services`, each with these further keys.
    pub(crate) fn services(&self, start: Timestamp, further: &[(Source, String)]) -> String {
        let mut yaml = String::new();
        for &source in &self.sources {
            let own = match source {
                Source::Objects => audits(QUEUE, REGION),
                Source::Queue => expect::voiso_section(CALLS, REGION),
                Source::Api => format!(
                    "cwl_1:\n  types: [logs]\n  log_groups: [{GROUP}]\n  regions: [{REGION}]\n  \
                     request_period_in_seconds: 1\n  start_time: {start:.0}\n"
                ),
            };
            yaml.push_str(own.trim_end());
            yaml.push('\n');
            for (_, more) in further.iter().filter(|(of, _)| *of == source) {
                more.lines().for_each(|line| yaml.push_str(&format!("  {line}\n")));
            }
        }
        yaml
    }

    /// Puts something into every source: objects with so many events each, so many messages, so many log events.
    pub(crate) fn put(
        &mut self,
        aws: &mut Remote<AwsOrder>,
        rng: &mut fastrand::Rng,
        (objects, events): (u64, usize),
        messages: u64,
    ) -> Result<()> {
        if self.has(Source::Objects) {
            for _ in 0..objects {
                self.object(aws, rng, events, None, Vec::new())?;
            }
        }
        if self.has(Source::Queue) {
            self.calls(aws, rng, messages)?;
        }
        if self.has(Source::Api) {
            self.log(aws, rng, messages)?;
        }
        Ok(())
    }

    /// Puts an object, under a key of its own or over another one, whose next transfers meet `faults`.
    pub(crate) fn object(
        &mut self,
        aws: &mut Remote<AwsOrder>,
        rng: &mut fastrand::Rng,
        events: usize,
        over: Option<&str>,
        faults: Vec<BodyFault>,
    ) -> Result<String> {
        let (mut object, mut key) = (trail::generate(rng, self.written, events)?, String::new());
        if let Some(over) = over {
            // The key is part of what an event may be tagged with, so it must not stand for another account.
            let document = inflate(&object.bytes)?;
            object.events = trail::expect(&document, over)?;
            key.push_str(over);
        } else {
            key.push_str(&object.key);
        }
        self.written += events as u64;
        let bucket = BUCKET.to_owned();
        if !faults.is_empty() {
            aws.ask(&AwsOrder::Body { bucket: bucket.clone(), key: key.clone(), faults })?;
        }
        let bytes = STANDARD.encode(&object.bytes);
        let AwsState { sent, .. } = aws.ask(&AwsOrder::Put { bucket, key: key.clone(), bytes })?;
        self.owe(Source::Objects, &object.events, sent)?;
        self.keys.push(key.clone());
        Ok(key)
    }

    fn calls(&mut self, aws: &mut Remote<AwsOrder>, rng: &mut fastrand::Rng, count: u64) -> Result<()> {
        let origin = Origin::new(ACCOUNT, REGION, Timestamp::now());
        let bodies: Vec<String> = (0..count)
            .map(|_| {
                self.written += 1;
                voiso::event(rng, &origin, self.written)
            })
            .collect();
        let AwsState { sent, .. } = aws.ask(&AwsOrder::Send { queue: CALLS.to_owned(), bodies: bodies.clone() })?;
        for (body, id) in bodies.iter().zip(sent) {
            self.owe(Source::Queue, &expect::voiso(body.as_bytes())?, [id])?;
        }
        Ok(())
    }

    fn log(&mut self, aws: &mut Remote<AwsOrder>, rng: &mut fastrand::Rng, count: u64) -> Result<()> {
        let now = Timestamp::now();
        let origin = Origin::new(ACCOUNT, REGION, now);
        let (mut events, mut owed) = (Vec::new(), Events::default());
        for _ in 0..count {
            self.written += 1;
            let message = logs::message(rng, &origin, self.written);
            let mut arrives = message.trim_end_matches(['\r', '\n']).to_owned();
            if self.escaped {
                arrives = arrives.replace('\n', "\\n");
            }
            owed.add(format!("cloud.aws.cloudwatch.logs.{ACCOUNT}.{REGION}"), arrives);
            // What is too young is not asked for yet.
            events.push((now.as_millisecond() - rng.i64(15_000..120_000), message));
        }
        aws.ask(&AwsOrder::Log { group: GROUP.to_owned(), events })?;
        self.owe(Source::Api, &owed, [])
    }

    fn owe(&mut self, source: Source, events: &Events, messages: impl IntoIterator<Item = String>) -> Result<()> {
        let mut marks = HashSet::new();
        for (tag, message) in events.iter() {
            let mark = Mark::of(tag.as_bytes(), message);
            ensure!(self.expected.insert(mark, source).is_none() && marks.insert(mark), "two events are alike");
            self.bytes += message.len() as u64;
        }
        for id in messages {
            self.messages.insert(id, marks.iter().copied().collect());
        }
        Ok(())
    }
}

fn inflate(gzip: &[u8]) -> Result<Vec<u8>> {
    let mut document = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzip), &mut document)?;
    Ok(document)
}
