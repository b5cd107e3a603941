//! The usual set: a source, a receiver, and what must come from one to the other.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use quittance_testbed::{
    aws::Shape,
    certificates::{BOTH_VERSIONS, Identity, Pki},
    sink::Keep,
};
use rustls::SupportedProtocolVersion;
use tokio::time::{Instant, sleep};

use crate::{
    Cloud, Collector, Configuration, Events, Place, Receiver, Verdict,
    cloud::{BUCKET, DEAD_LETTERS, QUEUE},
    trail, until,
};

/// How long a scene may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a scene is made with.
pub struct Options {
    /// What all random choices follow from.
    pub seed: u64,
    /// How the bucket announces objects.
    pub shape: Shape,
    /// What the receiver remembers.
    pub keep: Keep,
    /// The receiver's certificate.
    pub server: fn(&Pki) -> &Identity,
    /// The TLS versions that the receiver speaks.
    pub versions: &'static [&'static SupportedProtocolVersion],
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            shape: Shape::S3Event,
            keep: Keep::Messages,
            server: |pki| &pki.server,
            versions: BOTH_VERSIONS,
        }
    }
}

/// A fake AWS, a receiver and a configuration; collectors are started and ended by the tests.
pub struct Scene {
    /// The source.
    pub cloud: Cloud,
    /// The destination.
    pub receiver: Receiver,
    /// Folder and certificates.
    pub place: Place,
    /// To be changed before a collector starts.
    pub configuration: Configuration,
    /// What must arrive.
    pub expected: Events,
    rng: fastrand::Rng,
    written: u64,
}

impl Scene {
    /// With all defaults.
    pub async fn usual() -> Result<Scene> {
        Scene::new(Options::default()).await
    }

    /// Starts the servers.
    pub async fn new(options: Options) -> Result<Scene> {
        let place = Place::new()?;
        let cloud = Cloud::start(options.seed, options.shape).await?;
        let tls = place.pki.server_config_with((options.server)(&place.pki), options.versions)?;
        let receiver = Receiver::start(options.keep, tls).await?;
        let configuration = Configuration::new(receiver.port, &cloud.endpoint);
        let rng = fastrand::Rng::with_seed(options.seed);
        Ok(Scene { cloud, receiver, place, configuration, expected: Events::default(), rng, written: 0 })
    }

    /// Puts objects with so many new events each, all of which are then expected.
    pub fn write(&mut self, objects: u64, events: usize) -> Result<()> {
        for _ in 0..objects {
            let object = trail::generate(&mut self.rng, self.written, events)?;
            self.written += events as u64;
            self.expected.extend(object.events);
            self.cloud.put_object(BUCKET, &object.key, object.bytes);
        }
        Ok(())
    }

    /// Writes the configuration as it stands now.
    pub fn configure(&self) -> Result<PathBuf> {
        self.place.write(&self.configuration)
    }

    /// Starts a collector with the configuration as it stands now.
    pub fn start(&self) -> Result<Collector> {
        Collector::start(&self.configure()?)
    }

    /// Starts a collector with the configuration as it stands now, and some environment.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Result<Collector> {
        Collector::start_with(&self.configure()?, environment)
    }

    /// Waits until a condition holds while the collector runs.
    ///
    /// # Panics
    ///
    /// If it does not within a minute, or the collector ends before.
    pub async fn until(&self, what: &str, collector: &mut Collector, mut condition: impl FnMut(&Scene) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition(self) {
            collector.assert_running();
            assert!(Instant::now() < end, "waited in vain until {what}; {}", self.state());
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// Waits until the source holds no message any more.
    pub async fn drained(&self, collector: &mut Collector) {
        self.until("the queue is empty", collector, |scene| scene.cloud.is_drained()).await;
    }

    /// Has every message come back that a collector held which is no more, as its visibility timeout would.
    pub async fn hold_ends(&self) {
        // A receive that was under way when it went may still take what comes back, and nobody hears of it.
        let mut quiet = 0;
        until("nobody receives any more", Duration::from_secs(25), || {
            quiet = if self.cloud.queue().in_flight == 0 { quiet + 1 } else { 0 };
            self.cloud.make_visible(QUEUE);
            quiet > 10
        })
        .await;
    }

    /// What has arrived beside what must.
    pub fn verdict(&self) -> Verdict {
        let totals = self.receiver.totals();
        assert_eq!(totals.malformed, 0, "frames that are none: {:?}", self.receiver.malformed());
        self.expected.verdict(&Events::arrived_at(&self.receiver))
    }

    /// # Panics
    ///
    /// Unless every message was received once and deleted, and none became a dead letter.
    pub fn assert_source_unharmed(&self) {
        let counts = self.cloud.queue();
        assert_eq!(counts.deleted, counts.sent, "{}", self.state());
        let receives = self.cloud.receive_counts(QUEUE);
        assert!(receives.keys().all(|times| *times == 1), "receives by message: {receives:?}");
        let dead = self.cloud.counts(DEAD_LETTERS);
        assert_eq!((counts.dead_lettered, dead.visible, dead.in_flight), (0, 0, 0), "dead letters");
    }

    fn state(&self) -> String {
        format!("source: {:?}; receiver: {:?}", self.cloud.queue(), self.receiver.totals())
    }
}
