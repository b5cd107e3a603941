//! What stands around an engine in these tests.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use quittance_aws::{
    Account, AccountSettings, CallLimit, Credentials, Endpoints, Limiters, Limits, ObjectRef, SignIn, Tally, Way,
    Whereabouts,
    listing::{Layout, Listing, ListingSettings},
    objects::{ObjectKind, ObjectsSettings, Opened, Route, Router, Selection},
    queue::{BodyKind, QueueSettings},
    windows::WindowSettings,
};
use quittance_core::{
    Backfill, Batch, Budget, Clock, Counts, Dropped, Ended, Failure, Inlet, Ledger, Outlet, Output, Past, Proof,
    Puller, PullerContext, Quarantined, Random, Tag, TagId, Tags, UnitId, World, output,
};
use quittance_formats::{Header, Lines, Records};
use quittance_testbed::{
    aws::{FakeAws, QueueSettings as FakeQueue, Redrive, Shape},
    generate::gzip,
    store::MemoryStore,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub(crate) const QUEUE: &str = "announcements";
pub(crate) const DEAD: &str = "dead-letters";
pub(crate) const FIFO: &str = "in-order.fifo";
pub(crate) const DEAD_FIFO: &str = "dead-letters.fifo";
/// Announces its objects.
pub(crate) const BUCKET: &str = "logs";
/// Announces nothing.
pub(crate) const SILENT: &str = "silent";
pub(crate) const REGION: &str = "us-east-1";

/// What becomes of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Its receipt comes back at once.
    Deliver,
    /// It is dropped.
    Return,
    /// It waits until the fate changes.
    Keep,
    /// The same, and from then on the destination is not known to confirm.
    KeepInDoubt,
    /// Its receipt comes with those of its connection, which ends after 5 seconds, or when an engine is in a hurry.
    Confirm,
    /// The same, after a minute.
    ConfirmLate,
}

/// A destination.
#[derive(Clone)]
pub(crate) struct Receiver {
    state: Arc<Mutex<State>>,
    ready: watch::Sender<bool>,
}

struct State {
    fate: Fate,
    /// The fates of the next batches.
    script: VecDeque<Fate>,
    kept: Vec<Batch>,
    /// Every event that was delivered.
    delivered: Vec<String>,
    /// Every event that came, and how many were delivered by then.
    came: Vec<(String, usize)>,
    given: usize,
    /// When the connection ends that carries batches.
    ends: Option<Instant>,
    /// Connections that ended since an engine was in a hurry, even if they carried nothing.
    hurried: usize,
}

impl Receiver {
    fn start(mut inlet: Inlet) -> Receiver {
        let (ready, mut changes) = watch::channel(true);
        let (fate, script) = (Fate::Deliver, VecDeque::new());
        let state = State {
            fate,
            script,
            kept: Vec::new(),
            delivered: Vec::new(),
            came: Vec::new(),
            given: 0,
            ends: None,
            hurried: 0,
        };
        let receiver = Receiver { state: Arc::new(Mutex::new(state)), ready };
        let state = receiver.state.clone();
        inlet.set_ready(true);
        let hurry = inlet.hurry();
        tokio::spawn(async move {
            loop {
                let ends = state.lock().unwrap().ends;
                let end = async { sleep_until(ends.unwrap()).await };
                tokio::select! {
                    biased;
                    () = hurry.asked() => {
                        let mut state = state.lock().unwrap();
                        state.hurried += 1;
                        state.confirm();
                    }
                    () = end, if ends.is_some() => state.lock().unwrap().confirm(),
                    batch = inlet.next() => {
                        let Some(batch) = batch else { return };
                        let mut state = state.lock().unwrap();
                        state.given += batch.events.len();
                        let delivered = state.delivered.len();
                        let texts = batch.events.iter().map(|event| String::from_utf8_lossy(event.bytes).into_owned());
                        state.came.extend(texts.map(|text| (text, delivered)));
                        let fate = state.script.pop_front().unwrap_or(state.fate);
                        if fate == Fate::KeepInDoubt {
                            inlet.set_ready(false);
                        }
                        state.meet(batch, fate);
                    }
                    Ok(()) = changes.changed() => inlet.set_ready(*changes.borrow()),
                }
            }
        });
        receiver
    }

    /// What becomes of batches from now on, and of those that wait.
    pub(crate) fn set(&self, fate: Fate) {
        let mut state = self.state.lock().unwrap();
        state.fate = fate;
        for batch in std::mem::take(&mut state.kept) {
            state.meet(batch, fate);
        }
    }

    /// The batch that has waited longest is delivered.
    pub(crate) fn deliver_first(&self) {
        let mut state = self.state.lock().unwrap();
        let first = state.kept.remove(0);
        state.meet(first, Fate::Deliver);
    }

    /// The batches that wait are lost with the process that they were given by.
    pub(crate) fn forget_kept(&self) {
        self.state.lock().unwrap().kept.clear();
    }

    /// What becomes of the next batches.
    pub(crate) fn script(&self, fates: &[Fate]) {
        self.state.lock().unwrap().script.extend(fates);
    }

    /// Whether it is known to confirm.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.send_replace(ready);
    }

    /// The texts that were delivered, sorted.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = self.state.lock().unwrap().delivered.clone();
        texts.sort();
        texts
    }

    /// The texts that were delivered, as they came.
    pub(crate) fn in_order(&self) -> Vec<String> {
        self.state.lock().unwrap().delivered.clone()
    }

    /// Every text that came, and how many were delivered by then.
    pub(crate) fn came(&self) -> Vec<(String, usize)> {
        self.state.lock().unwrap().came.clone()
    }

    /// Connections that ended since an engine was in a hurry.
    pub(crate) fn hurried(&self) -> usize {
        self.state.lock().unwrap().hurried
    }

    /// Events that came, delivered or not.
    pub(crate) fn given(&self) -> usize {
        self.state.lock().unwrap().given
    }
}

impl State {
    fn meet(&mut self, batch: Batch, fate: Fate) {
        match fate {
            Fate::Deliver => {
                let texts = batch.events.iter().map(|event| String::from_utf8_lossy(event.bytes).into_owned());
                self.delivered.extend(texts);
                batch.receipt.delivered(Proof::Closed);
            }
            Fate::Return => drop(batch),
            Fate::Keep | Fate::KeepInDoubt => self.kept.push(batch),
            Fate::Confirm | Fate::ConfirmLate => {
                let after = if fate == Fate::Confirm { 5 } else { 60 };
                self.ends.get_or_insert_with(|| Instant::now() + Duration::from_secs(after));
                self.kept.push(batch);
            }
        }
    }

    /// The connection ends, if there is one.
    fn confirm(&mut self) {
        if self.ends.take().is_some() {
            std::mem::take(&mut self.kept).into_iter().for_each(|batch| self.meet(batch, Fate::Deliver));
        }
    }
}

/// A fake AWS, a receiver, and what a puller needs.
pub(crate) struct Scene {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) aws: FakeAws,
    pub(crate) receiver: Receiver,
    pub(crate) stop: CancellationToken,
    pub(crate) account: Arc<Account>,
    windows_stop: Mutex<CancellationToken>,
    ahead: Arc<Mutex<Duration>>,
    output: Output,
    ledger: Arc<Ledger>,
    world: World,
}

/// A puller that runs.
pub(crate) struct Running {
    ended: JoinHandle<Ended>,
    pub(crate) tally: Arc<Tally>,
}

impl Running {
    /// Ends it as `kill -9` does: nothing is settled, nothing goes back.
    pub(crate) fn kill(self) {
        self.ended.abort();
    }

    /// The same, and waits until nothing of it is left.
    pub(crate) async fn killed(self) {
        self.ended.abort();
        _ = self.ended.await;
        // The tasks that it had are ended by the runtime at their next turn.
        tokio::task::yield_now().await;
    }

    /// How it ended.
    pub(crate) async fn ended(self) -> Ended {
        self.ended.await.unwrap()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_finished()
    }
}

impl Scene {
    /// A bucket that announces its objects in a queue, whose messages die after so many receives.
    pub(crate) async fn new(max_receive_count: Option<u32>) -> Scene {
        let aws = FakeAws::new(7);
        aws.create_queue(DEAD, FakeQueue::default());
        let redrive = max_receive_count.map(|max_receive_count| Redrive { queue: DEAD.to_owned(), max_receive_count });
        aws.create_queue(QUEUE, FakeQueue { redrive, ..FakeQueue::default() });
        aws.create_queue(DEAD_FIFO, FakeQueue::default());
        let redrive =
            max_receive_count.map(|max_receive_count| Redrive { queue: DEAD_FIFO.to_owned(), max_receive_count });
        aws.create_queue(FIFO, FakeQueue { redrive, ..FakeQueue::default() });
        aws.create_bucket(BUCKET);
        aws.create_bucket(SILENT);
        aws.notify(BUCKET, QUEUE, Shape::S3Event);
        let ahead = Arc::new(Mutex::default());
        let clock = Arc::new(MovedClock { right: FakeClock(aws.clone()), ahead: ahead.clone() });
        let world = World { clock, random: Random::seeded(11) };
        let settings = AccountSettings {
            id: "10001".to_owned(),
            credentials: Credentials { access_key: "AKIATEST".to_owned(), access_secret: "secret".to_owned().into() },
            // Not AWS's own, so that buckets are asked for by path.
            endpoint_url: Some("https://aws.test".to_owned()),
            http: aws.http_client(),
            clock: world.clock.clone(),
            limiters: Limiters::default(),
            call_limits: Vec::new(),
        };
        let account = Arc::new(Account::new(settings).await);
        let (output, inlet) = output("test");
        let receiver = Receiver::start(inlet);
        Scene {
            store: Arc::default(),
            aws,
            receiver,
            stop: CancellationToken::new(),
            account,
            windows_stop: Mutex::default(),
            ahead,
            output,
            ledger: Arc::default(),
            world,
        }
    }

    /// The way to AWS that an account of this scene goes.
    pub(crate) fn way(&self) -> Way {
        way(&self.aws, self.world.clock.clone())
    }

    /// From now on an input reads it that has these bounds; it has the limiters of one process.
    pub(crate) async fn bounded(&mut self, limiters: &Limiters, call_limits: &[CallLimit]) {
        self.account = self.input("10001", limiters, call_limits).await;
    }

    /// An input of the account, with these bounds and limiters.
    pub(crate) async fn input(&self, id: &str, limiters: &Limiters, call_limits: &[CallLimit]) -> Arc<Account> {
        let way = Way { limiters: limiters.clone(), call_limits: call_limits.to_vec(), ..self.way() };
        let (access_key, access_secret) = (Some("AKIATEST".to_owned().into()), Some("secret".to_owned().into()));
        let sign_in = SignIn { access_key, access_secret, ..SignIn::default() };
        Arc::new(Account::sign_in(id.to_owned(), &sign_in, way).await.unwrap())
    }

    /// From now on the account is reached so.
    pub(crate) async fn sign_in(&mut self, sign_in: &SignIn) {
        self.account = Arc::new(Account::sign_in("10001".to_owned(), sign_in, self.way()).await.unwrap());
    }

    /// Runs the objects engine on the queue.
    pub(crate) fn objects(&self, limits: Limits) -> Running {
        self.objects_of(Arc::new(Text), limits)
    }

    pub(crate) fn objects_of(&self, kind: Arc<dyn ObjectKind>, limits: Limits) -> Running {
        self.objects_in(QUEUE, kind, limits)
    }

    /// The same, on the FIFO queue.
    pub(crate) fn ordered_objects(&self) -> Running {
        self.objects_in(FIFO, Arc::new(Text), limits())
    }

    fn objects_in(&self, queue: &str, kind: Arc<dyn ObjectKind>, limits: Limits) -> Running {
        let settings =
            ObjectsSettings { queue: queue.to_owned(), region: REGION.to_owned(), buckets: Vec::new(), kind, limits };
        let puller = settings.puller(&self.account);
        let tally = puller.tally();
        Running { ended: self.run(Arc::new(puller), self.stop.clone()), tally }
    }

    /// Runs the queue engine on the queue.
    pub(crate) fn bodies(&self, limits: Limits) -> Running {
        self.bodies_in(QUEUE, limits)
    }

    /// The same, on the FIFO queue.
    pub(crate) fn ordered_bodies(&self) -> Running {
        self.ordered_bodies_within(Limits::of_bodies())
    }

    pub(crate) fn ordered_bodies_within(&self, limits: Limits) -> Running {
        self.bodies_in(FIFO, Limits { drain: Duration::from_secs(5), ..limits })
    }

    fn bodies_in(&self, queue: &str, limits: Limits) -> Running {
        let settings =
            QueueSettings { queue: queue.to_owned(), region: REGION.to_owned(), kind: Arc::new(Bodies), limits };
        let puller = settings.puller(&self.account);
        let tally = puller.tally();
        Running { ended: self.run(Arc::new(puller), self.stop.clone()), tally }
    }

    /// Runs a listing of the bucket that announces nothing, with a folder for each kind and in it one for each day.
    pub(crate) fn listing(&self) -> Running {
        self.listing_every(Duration::from_secs(300))
    }

    pub(crate) fn listing_every(&self, period: Duration) -> Running {
        let layout = Arc::new(Days);
        let settings = ListingSettings::new(SILENT.to_owned(), REGION.to_owned(), layout, Arc::new(Text));
        self.listing_of(ListingSettings { limits: limits(), period, ..settings })
    }

    /// The same with other bounds.
    pub(crate) fn listing_within(&self, limits: Limits) -> Running {
        let layout = Arc::new(Days);
        let settings = ListingSettings::new(SILENT.to_owned(), REGION.to_owned(), layout, Arc::new(Text));
        self.listing_of(ListingSettings { limits, ..settings })
    }

    fn listing_of(&self, settings: ListingSettings) -> Running {
        let puller = Listing::new(&self.account, settings);
        let tally = puller.tally();
        Running { ended: self.run(Arc::new(puller), self.stop.clone()), tally }
    }

    /// Gives what the bucket that announces nothing holds of a range of time.
    pub(crate) fn backfill(&self, past: &Past) -> Backfill {
        self.objects_puller(Arc::new(Text), limits()).backfill(past).unwrap()
    }

    /// Runs a puller.
    pub(crate) fn puller(&self, puller: Arc<dyn Puller>) -> Running {
        Running { ended: self.run(puller, self.stop.clone()), tally: Arc::default() }
    }

    /// Runs the windows engine; a stop of its own ends it.
    pub(crate) fn windows(&self, settings: WindowSettings) -> Running {
        let unit = settings.unit(&self.account, "service", "type", "my.app.test.events".to_owned());
        *self.windows_stop.lock().unwrap() = self.stop.child_token();
        let stop = self.windows_stop.lock().unwrap().clone();
        Running { ended: self.run(unit.puller, stop), tally: Arc::default() }
    }

    /// Puts the collector's clock so far ahead of everybody else's.
    pub(crate) fn set_clock_ahead(&self, by: Duration) {
        *self.ahead.lock().unwrap() = by;
    }

    /// Stops the windows engine alone, as a restart does.
    pub(crate) async fn stop_windows(&self, running: Running) {
        self.windows_stop.lock().unwrap().cancel();
        let ended = running.ended().await;
        assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    }

    fn run(&self, puller: Arc<dyn Puller>, stop: CancellationToken) -> JoinHandle<Ended> {
        let context = self.context(stop);
        tokio::spawn(async move { puller.run(context).await })
    }

    fn context(&self, stop: CancellationToken) -> PullerContext {
        let outputs: Arc<[Output]> = [self.output.clone()].into();
        let ledger = self.ledger.unit(&UnitId::new(&["test"]));
        let outlet = Outlet::new(outputs, Budget::new(16 << 20), ledger);
        let (unit, store, world) = (UnitId::new(&["test"]), self.store.clone(), self.world.clone());
        PullerContext { unit, store, outlet, world, stop }
    }

    /// Gives an item of the quarantine once more.
    pub(crate) async fn replay(&self, puller: &dyn Puller, item: Quarantined) -> Result<(), Failure> {
        puller.replay(item, self.context(self.stop.child_token())).await
    }

    /// A puller of bodies from the queue.
    pub(crate) fn bodies_puller(&self, limits: Limits) -> quittance_aws::Receiver {
        let (queue, region) = (QUEUE.to_owned(), REGION.to_owned());
        QueueSettings { queue, region, kind: Arc::new(Bodies), limits }.puller(&self.account)
    }

    /// A puller of objects of that kind that the queue announces.
    pub(crate) fn objects_puller(&self, kind: Arc<dyn ObjectKind>, limits: Limits) -> quittance_aws::Receiver {
        let (queue, region) = (QUEUE.to_owned(), REGION.to_owned());
        ObjectsSettings { queue, region, buckets: Vec::new(), kind, limits }.puller(&self.account)
    }

    /// Puts an object of lines.
    pub(crate) fn put_lines(&self, key: &str, lines: Range<u64>) {
        self.aws.put_object(BUCKET, key, gzip(text(lines).as_bytes(), 6));
    }

    /// Puts an object of lines into the bucket that announces nothing.
    pub(crate) fn put_silently(&self, key: &str, lines: Range<u64>) {
        self.aws.put_object(SILENT, key, text(lines));
    }

    /// Puts a message into the queue that announces several objects.
    pub(crate) fn announce(&self, objects: &[(&str, &str)]) {
        self.aws.send(QUEUE, announcement(objects));
    }

    /// Waits until it is so, a simulated month at most.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Scene) -> bool) {
        let start = Instant::now();
        let mut pause = Duration::from_millis(20);
        while !is_so(self) {
            let elapsed = start.elapsed();
            let state = self.aws.counts(QUEUE);
            assert!(elapsed < Duration::from_secs(30 * 86400), "never: {what}; {state:?}, {:?}", self.counts());
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Waits until the queue has nothing left.
    pub(crate) async fn until_empty(&self) {
        self.until("the queue is empty", |scene| {
            let counts = scene.aws.counts(QUEUE);
            counts.visible == 0 && counts.in_flight == 0
        })
        .await;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.ledger.total()
    }

    /// What filters dropped, by name.
    pub(crate) fn dropped(&self) -> BTreeMap<Arc<str>, Dropped> {
        self.ledger.dropped()
    }

    /// Events delivered, by tag.
    pub(crate) fn counts_by_tag(&self) -> BTreeMap<String, u64> {
        let all = self.ledger.snapshot().into_iter();
        all.map(|(_, tag, counts)| (tag.to_string(), counts.delivered())).collect()
    }

    /// Stops everything, and checks what must hold at the end of every test.
    pub(crate) async fn end(self, running: Running) {
        self.stop.cancel();
        let ended = running.ended().await;
        assert!(matches!(ended, Ended::Stopped), "{ended:?}");
        let counts = self.counts();
        assert!(counts.balances(), "{counts:?}");
        assert_eq!(counts.in_flight, 0, "{counts:?}");
        assert_eq!(counts.delivered(), self.receiver.texts().len() as u64);
    }
}

/// A message that announces several objects.
pub(crate) fn announcement(objects: &[(&str, &str)]) -> String {
    let entry = |(bucket, key): &(&str, &str)| {
        format!(
            r#"{{"eventName":"ObjectCreated:Put","awsRegion":"{REGION}","s3":{{"bucket":{{"name":"{bucket}"}},"object":{{"key":"{key}"}}}}}}"#
        )
    };
    let entries: Vec<_> = objects.iter().map(entry).collect();
    format!(r#"{{"Records":[{}]}}"#, entries.join(","))
}

/// Bounds for tests: as in real life, with a shorter drain.
pub(crate) fn limits() -> Limits {
    Limits { drain: Duration::from_secs(5), ..Limits::of_objects() }
}

/// Lines that are long enough for a few of them to fill a batch.
pub(crate) fn text(lines: Range<u64>) -> String {
    let mut rng = fastrand::Rng::with_seed(lines.start);
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("{line:06} "));
        text.extend((0..200).map(|_| rng.alphanumeric()));
        text.push('\n');
    }
    text
}

/// The events of such lines, as they arrive.
pub(crate) fn events(lines: Range<u64>) -> Vec<String> {
    text(lines).lines().map(str::to_owned).collect()
}

/// Several objects' events together.
pub(crate) fn all_events(objects: &[Range<u64>]) -> Vec<String> {
    let mut all: Vec<_> = objects.iter().flat_map(|lines| events(lines.clone())).collect();
    all.sort();
    all
}

/// How often each receive count occurs.
pub(crate) fn receives(aws: &FakeAws) -> BTreeMap<u32, u64> {
    aws.receive_counts(QUEUE)
}

/// The way to a fake AWS.
pub(crate) fn way(aws: &FakeAws, clock: Arc<dyn Clock>) -> Way {
    Way {
        http: aws.http_client(),
        clock,
        endpoints: Endpoints::all_at(Some("https://aws.test".to_owned())),
        region: REGION.to_owned(),
        limiters: Limiters::default(),
        call_limits: Vec::new(),
    }
}

/// A clock that agrees with the fake AWS.
pub(crate) struct FakeClock(pub(crate) FakeAws);

/// The collector's clock, which may be ahead of everybody else's.
struct MovedClock {
    right: FakeClock,
    ahead: Arc<Mutex<Duration>>,
}

impl Clock for MovedClock {
    fn wall(&self) -> SystemTime {
        self.right.wall() + *self.ahead.lock().unwrap()
    }
}

impl Clock for FakeClock {
    fn wall(&self) -> SystemTime {
        self.0.now().into()
    }
}

/// Objects of lines; keys that begin with `skip` are not wanted.
pub(crate) struct Text;

/// `org/<folder>/<day>/...`.
struct Days;

impl Layout for Days {
    fn root(&self) -> Option<String> {
        Some("org/".to_owned())
    }

    fn prefixes(&self, folders: &[String], day: jiff::civil::Date) -> Vec<String> {
        folders.iter().map(|folder| format!("{folder}{day}/")).collect()
    }
}

impl ObjectKind for Text {
    fn select(&self, object: &ObjectRef) -> Selection {
        if object.key.starts_with("skip") { Selection::Skip("not wanted") } else { Selection::Read }
    }

    fn open(&self, _: &ObjectRef, _: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let framer = Box::new(Lines::new(Header::None, max_event_bytes));
        Opened { framer, router: Box::new(One(tags.id(&tag()))), json: false }
    }
}

/// Objects as CloudTrail writes them.
pub(crate) struct Trail;

impl ObjectKind for Trail {
    fn select(&self, _: &ObjectRef) -> Selection {
        Selection::Read
    }

    fn open(&self, _: &ObjectRef, _: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let framer = Box::new(Records::new("Records", max_event_bytes));
        Opened { framer, router: Box::new(One(tags.id(&tag()))), json: true }
    }
}

/// Bodies that are one event each, or as many as they have parts between `|`; a part that begins with `drop` is filtered.
struct Bodies;

impl BodyKind for Bodies {
    fn events(&self, body: &[u8], found: &mut Vec<Range<usize>>) {
        let mut start = 0;
        for part in body.split(|b| *b == b'|') {
            found.push(start..start + part.len());
            start += part.len() + 1;
        }
    }

    fn router(&self, _: &Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(One(tags.id(&tag())))
    }
}

pub(crate) struct One(pub(crate) TagId);

impl Router for One {
    fn route(&mut self, event: &[u8]) -> Route {
        assert!(!event.starts_with(b"panic"), "this cannot be read");
        if event.starts_with(b"drop") { Route::Drop(self.0) } else { Route::Send(self.0) }
    }
}

fn tag() -> Tag {
    Tag::new("my.app.test.events").unwrap()
}

/// The bytes of a gzip member, cut short.
pub(crate) fn truncated(lines: Range<u64>) -> Bytes {
    let whole = gzip(text(lines).as_bytes(), 6);
    Bytes::copy_from_slice(&whole[..whole.len() * 2 / 3])
}
