//! One round: sources, a collector and a receiver, a fault that strikes, and what became of the events.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use quittance_testbed::{aws::BodyFault, sink::Fault};
use quittance_tests::{Collector, Configuration, Place, rsyslog::Rsyslog};
use rustix::process::Signal;

use crate::{
    arrivals::Reader,
    aws::{self, AwsOrder, AwsState},
    classes::{Class, Disk, Explained, Network},
    clock::{millis, now},
    load::{Load, Source},
    remote::Remote,
    sdk::{self, Sender},
    sink::{SinkOrder, SinkPlace, SinkState},
    watch::Watch,
};

/// How long a round may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long planned faults wait for connections.
const FAULTS_MET: Duration = Duration::from_secs(3);

/// How long nothing arrives from a collector that is no more.
const STILL: Duration = Duration::from_millis(60);

/// Plain bytes that are sent as one, at most, where events go compressed.
const COMPRESSED: u64 = 16;

/// How often the receiver's file is looked at, and the sources.
const LOOK: Duration = Duration::from_millis(4);
const LOOK_AT_SOURCES: Duration = Duration::from_millis(20);

/// The most that one batch adds to a connection after it has reached its limit.
const BATCH: u64 = 512 << 10;

/// What a round has shown.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) events: u64,
    pub(crate) missing: u64,
    pub(crate) quarantined: u64,
    pub(crate) duplicates: u64,
    pub(crate) duplicate_bytes: u64,
    /// The most bytes that may come again by what is promised.
    pub(crate) bound_bytes: u64,
    pub(crate) silence: Duration,
    pub(crate) stall: Duration,
    /// Which source stood still for so long.
    pub(crate) stalled: &'static str,
    pub(crate) took: Duration,
    /// Everything that must not be.
    pub(crate) problems: Vec<String>,
    /// Where logs and files of a round with problems are.
    pub(crate) folder: Option<PathBuf>,
    /// What Devo's SDK was told that it sent under the same fault, and how much of that is missing.
    pub(crate) sdk: Option<(u64, u64)>,
}

/// A round under way.
pub(crate) struct Round {
    pub(crate) rng: fastrand::Rng,
    pub(crate) configuration: Configuration,
    /// Further keys of the services.
    pub(crate) keys: Vec<(Source, String)>,
    /// The collector's environment.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) sink_place: SinkPlace,
    sink: Option<Remote<SinkOrder>>,
    aws: Remote<AwsOrder>,
    pub(crate) load: Load,
    pub(crate) watch: Watch,
    collector: Option<Collector>,
    /// Receives after which a message becomes a dead letter.
    pub(crate) max_receives: Option<u32>,
    /// Whether the bucket keeps versions.
    pub(crate) versions: bool,
    /// The last moment at which something was wrong.
    cleared: Option<Instant>,
    /// Bytes that may come again, as far as they are known by now.
    bound: u64,
    looked_at_sources: Option<Instant>,
    /// Whether events that were damaged on their way to the collector may arrive so, beside the sound ones.
    pub(crate) damaged: bool,
    /// Things that must be in the quarantine at the end.
    pub(crate) unfit: u64,
    pub(crate) rsyslog: Option<Rsyslog>,
    /// Devo's SDK, where it takes the collector's place.
    pub(crate) sender: Option<Sender>,
    pub(crate) network: Option<Network>,
    pub(crate) disk: Option<Disk>,
    /// Last, for the others stand in its folder.
    pub(crate) place: Place,
}

impl Round {
    pub(crate) fn new(class: &Class, seed: u64) -> Result<Round> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let place = Place::new()?;
        let certs = place.folder().join("sink");
        place.pki.write_to(&certs)?;
        let arrivals = place.folder().join(class.arrivals);
        std::fs::create_dir_all(arrivals.parent().context("a file without a folder")?)?;
        let reader = Reader::open(&arrivals, class.parse)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sink_place = SinkPlace { within: Vec::new(), listen, certs, arrivals: arrivals.clone() };
        let (aws, endpoint) = aws::start(seed, &arrivals)?;
        let mut configuration = Configuration::new(0, &endpoint);
        configuration.interval = *pick(&mut rng, &["100ms", "300ms", "600ms"]);
        configuration.end_timeout = *pick(&mut rng, &["800ms", "1500ms"]);
        configuration.max_bytes = Some(rng.u64(64..512) << 10);
        if rng.bool() {
            configuration.output = "compression: true".to_owned();
        }
        let mut sources: Vec<Source> =
            class.among.iter().copied().filter(|s| class.needs.contains(s) || rng.u8(..3) > 0).collect();
        if sources.is_empty() {
            sources.push(*pick(&mut rng, class.among));
        }
        Ok(Round {
            rng,
            configuration,
            keys: Vec::new(),
            environment: Vec::new(),
            sink_place,
            sink: None,
            aws,
            load: Load::new(sources),
            watch: Watch::new(reader),
            collector: None,
            max_receives: None,
            versions: false,
            cleared: None,
            bound: 0,
            looked_at_sources: None,
            damaged: false,
            unfit: 0,
            rsyslog: None,
            sender: None,
            network: None,
            disk: None,
            place,
        })
    }

    /// Lets a fault strike, and waits until all is well again.
    fn play(&mut self, class: &Class) -> Result<()> {
        (class.prepare)(self)?;
        self.load.escaped = self.configuration.output.contains("compression: true");
        self.load.prepare(&mut self.aws, self.max_receives, self.versions)?;
        if self.configuration.port == 0 {
            self.start_sink()?;
            self.configuration.port = self.sink_place.listen.port();
        }
        self.put_more()?;
        self.start_collector()?;
        (class.strike)(self)?;
        self.cleared.get_or_insert_with(now);
        self.until("everything has arrived and every queue is empty", Round::is_done)
    }

    /// Puts something into every source.
    pub(crate) fn put_more(&mut self) -> Result<()> {
        let objects = (self.rng.u64(3..10), self.rng.usize(10..70));
        let messages = self.rng.u64(20..90);
        self.load.put(&mut self.aws, &mut self.rng, objects, messages)?;
        self.watch.forget_done();
        Ok(())
    }

    /// The fault is over from now on; then something more is put into every source, so that something is owed.
    pub(crate) fn cleared(&mut self) -> Result<()> {
        self.put_more()?;
        self.cleared = Some(now());
        Ok(())
    }

    /// Whether everything has arrived that must, and every queue is empty.
    fn is_done(&mut self) -> bool {
        match &mut self.sender {
            Some(sender) => sender.has_ended(),
            None => self.watch.is_done(&self.load),
        }
    }

    /// Waits for some of what is there to arrive: a part of it by chance, none of it maybe.
    pub(crate) fn some_arrived(&mut self) -> Result<()> {
        let most = self.load.expected.len();
        let enough = self.watch.arrived() + self.rng.usize(..most / 2);
        self.until("some events are there", |round| round.watch.arrived() >= enough || round.is_done())
    }

    /// Starts a collector with the configuration as it stands.
    pub(crate) fn start_collector(&mut self) -> Result<()> {
        let start = Timestamp::now() - SignedDuration::from_mins(30);
        self.configuration.services = self.load.services(start, &self.keys);
        let path = self.place.write(&self.configuration)?;
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.collector = Some(Collector::start_with(&path, &environment)?);
        Ok(())
    }

    /// Whether it has opened its state, and listens for signals.
    pub(crate) fn collector_has_started(&mut self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.logged("collector started") > 0)
    }

    /// Kills it (SIGKILL). What it had delivered and no source has forgotten may come again.
    pub(crate) fn kill_collector(&mut self) -> Result<()> {
        self.collector.take().context("there is no collector")?.kill()?;
        // What its system still sends, and the receiver still reads.
        let mut arrived = usize::MAX;
        while self.watch.arrived() != arrived {
            arrived = self.watch.arrived();
            self.pause(STILL)?;
        }
        self.explain_what_is_held()
    }

    /// What has arrived, and no deleted message stands for, may come again.
    pub(crate) fn explain_what_is_held(&mut self) -> Result<()> {
        let forgotten = self.aws.ask(&AwsOrder::Forgotten)?.forgotten;
        self.bound += self.watch.unforgotten_bytes(&self.load, &forgotten);
        Ok(())
    }

    /// Has it stop in order (SIGTERM).
    pub(crate) fn stop_collector(&mut self) -> Result<()> {
        let mut collector = self.collector.take().context("there is no collector")?;
        collector.terminate()?;
        let started = now();
        loop {
            if let Some(status) = collector.has_ended() {
                // A signal that comes before it listens for any ends it at once: it has nothing to settle.
                let began = collector.logged("collector started") > 0;
                ensure!(status.success() || !began, "the collector ended with {status}");
                return Ok(());
            }
            ensure!(started.elapsed() < Duration::from_secs(40), "the collector does not stop");
            self.look()?;
            sleep(LOOK);
        }
    }

    /// Has every message come back that a collector held which is no more, as its visibility timeout would.
    pub(crate) fn hold_ends(&mut self) -> Result<()> {
        // A receive that was under way when it went may still take what comes back, and nobody hears of it.
        let queues: Vec<&str> = self.load.sources.iter().filter_map(|source| source.queue()).collect();
        let (mut quiet, end) = (0, now() + PATIENCE);
        while quiet < 10 && now() < end {
            let mut flying = 0;
            for queue in &queues {
                let state = self.aws.ask(&AwsOrder::MakeVisible { queue: (*queue).to_owned() })?;
                flying += state.queues.get(*queue).map_or(0, |counts| counts.in_flight);
                self.watch.look_at_sources(state, &self.load);
            }
            quiet = if flying == 0 { quiet + 1 } else { 0 };
            self.pause(LOOK)?;
        }
        Ok(())
    }

    /// Orders something of the receiver.
    pub(crate) fn sink(&mut self, order: &SinkOrder) -> Result<SinkState> {
        self.sink.as_mut().context("there is no receiver")?.ask(order)
    }

    /// Waits until connections have met all planned faults; forgets what nothing comes for any more.
    pub(crate) fn faults_met(&mut self) -> Result<()> {
        let end = now() + FAULTS_MET;
        loop {
            let met = self.sink(&SinkOrder::State)?.faults_left == 0;
            if met || now() > end || self.is_done() {
                self.sink(&SinkOrder::Clear)?;
                return Ok(());
            }
            self.pause(LOOK)?;
        }
    }

    /// Sets the fault of every connection.
    pub(crate) fn always(&mut self, fault: Option<Fault>) -> Result<()> {
        self.sink(&SinkOrder::Always(fault)).map(drop)
    }

    /// Stops the receiver in its tracks for a while (SIGSTOP): its kernel takes what comes, and nobody reads it. Then kills it.
    pub(crate) fn kill_sink(&mut self, unread_for: Duration) -> Result<()> {
        let state = self.sink(&SinkOrder::State)?;
        let sink = self.sink.take().context("there is no receiver")?;
        sink.signal(Signal::STOP)?;
        self.pause(unread_for)?;
        sink.kill()?;
        // Whatever was open, and what came meanwhile.
        let share = self.share();
        self.bound += (state.broken() + state.open + 2) * share;
        Ok(())
    }

    /// Starts the receiver again, at the same port.
    pub(crate) fn start_sink(&mut self) -> Result<()> {
        self.sink = Some(self.sink_place.start()?);
        Ok(())
    }

    /// So many bytes more may come again.
    pub(crate) fn explain(&mut self, bytes: u64) {
        self.bound += bytes;
    }

    /// What so many connections carry may come again.
    pub(crate) fn explain_connections(&mut self, connections: u64) {
        self.bound += connections * self.share();
    }

    /// Puts an object, under a key of its own or over another one, whose next transfers meet `faults`.
    pub(crate) fn put_object(&mut self, events: usize, over: Option<&str>, faults: Vec<BodyFault>) -> Result<String> {
        self.watch.forget_done();
        self.load.object(&mut self.aws, &mut self.rng, events, over, faults)
    }

    /// Orders something of the fake AWS.
    pub(crate) fn aws(&mut self, order: &AwsOrder) -> Result<AwsState> {
        self.aws.ask(order)
    }

    /// The most that one connection carries.
    fn share(&self) -> u64 {
        let most = self.configuration.max_bytes.unwrap_or(256 << 20);
        if self.load.escaped { most * COMPRESSED + BATCH } else { most + BATCH }
    }

    /// Some time passes.
    pub(crate) fn pause(&mut self, time: Duration) -> Result<()> {
        let end = now() + time;
        while now() < end {
            self.look()?;
            sleep(LOOK.min(end.saturating_duration_since(now())));
        }
        Ok(())
    }

    /// Some time passes, chosen by the seed.
    pub(crate) fn pause_between(&mut self, least: u64, most: u64) -> Result<()> {
        let time = Duration::from_millis(self.rng.u64(least..=most));
        self.pause(time)
    }

    /// Waits until a condition holds.
    pub(crate) fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Round) -> bool) -> Result<()> {
        let end = now() + PATIENCE;
        loop {
            self.look()?;
            if condition(self) {
                return Ok(());
            }
            if let Some(status) = self.collector.as_mut().and_then(Collector::has_ended) {
                bail!("the collector ended by itself: {status}");
            }
            ensure!(now() < end, "waited in vain until {what}; {}", self.watch.describe());
            sleep(LOOK);
        }
    }

    /// Takes in what has happened.
    fn look(&mut self) -> Result<()> {
        self.watch.look_at_receiver()?;
        if self.looked_at_sources.is_none_or(|last| last.elapsed() >= LOOK_AT_SOURCES) {
            self.looked_at_sources = Some(now());
            let state = self.aws.ask(&AwsOrder::State)?;
            self.watch.look_at_sources(state, &self.load);
        }
        Ok(())
    }

    /// What the round has shown.
    fn judge(&mut self, class: &Class, outcome: &mut Outcome) -> Result<()> {
        self.look()?;
        let forgotten = self.aws.ask(&AwsOrder::Forgotten)?.forgotten;
        let tally = self.watch.tally(&self.load);
        let early = self.watch.forgotten_early(&self.load, &forgotten);
        let cleared = self.cleared.unwrap_or_else(now);
        let (stall, source) = self.watch.longest_stall(cleared, &self.load);
        if class.explained == Explained::Connections
            && let Some(sink) = &mut self.sink
        {
            let state = sink.ask(&SinkOrder::State)?;
            outcome.problems.extend((state.malformed > 0).then(|| format!("{} frames are none", state.malformed)));
            self.bound += state.broken() * self.share();
        }
        outcome.events = self.load.expected.len() as u64;
        outcome.missing = tally.missing.max(early);
        outcome.duplicates = tally.duplicates;
        outcome.duplicate_bytes = tally.duplicate_bytes;
        outcome.bound_bytes = self.bound;
        outcome.silence = self.watch.longest_silence(cleared, &self.load);
        outcome.stall = stall;
        outcome.stalled = source.name();
        let mut say = |count: u64, what: &str| outcome.problems.extend((count > 0).then(|| format!("{count} {what}")));
        say(tally.missing, "events are missing");
        say(early, "events were forgotten by their source before they had arrived");
        say(
            if self.damaged { 0 } else { tally.unexpected },
            "arrivals are no event that there was, or in another table",
        );
        say(self.watch.strange, "lines are no event");
        say(self.watch.dead(), "good messages became dead letters");
        let beyond = tally.duplicate_bytes.saturating_sub(self.bound);
        say(beyond, &format!("bytes came again beyond the {} that the fault explains", self.bound));
        Ok(())
    }

    /// Further files for whoever looks at a round with problems.
    pub(crate) fn describe(&self) -> String {
        format!(
            "sources {:?}, interval {}, end_timeout {}, max_bytes {:?}, {}; {}",
            self.load.sources,
            self.configuration.interval,
            self.configuration.end_timeout,
            self.configuration.max_bytes,
            self.configuration.output,
            self.watch.describe()
        )
    }
}

/// Plays a round of a class, and the same fault on Devo's SDK if that is wanted.
pub(crate) fn play(class: &Class, seed: u64, with_sdk: bool) -> Outcome {
    let started = now();
    let mut outcome = Outcome { seed, ..Outcome::default() };
    match Round::new(class, seed) {
        Err(error) => outcome.problems.push(format!("{error:#}")),
        Ok(mut round) => {
            if let Err(error) = round.play(class) {
                outcome.problems.push(format!("{error:#}"));
            }
            if let Err(error) = round.judge(class, &mut outcome) {
                outcome.problems.push(format!("{error:#}"));
            }
            let after = (class.after)(&mut round, &mut outcome);
            outcome.problems.extend(after.err().map(|error| format!("{error:#}")));
            if !outcome.problems.is_empty() {
                outcome.problems.push(round.describe());
                outcome.folder = Some(round.place.keep());
            }
        }
    }
    if class.sdk && with_sdk {
        match sdk::play(class, seed) {
            Ok(sdk) => outcome.sdk = Some(sdk),
            Err(error) => outcome.problems.push(format!("Devo's SDK: {error:#}")),
        }
    }
    outcome.took = Duration::from_millis(millis(started.elapsed()));
    outcome
}

/// One of some, by chance.
pub(crate) fn pick<'a, T>(rng: &mut fastrand::Rng, some: &'a [T]) -> &'a T {
    &some[rng.usize(..some.len())]
}
