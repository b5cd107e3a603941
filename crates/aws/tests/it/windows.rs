//! The windows engine on an API that shows its events late, in pages, and never in the order of their coming.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use quittance_aws::{
    AwsError, Calls, Cost, Quota,
    windows::{
        Cadence, Found, Page, Pages, Price, Route, Sweep, Token, Window, WindowKind, WindowSettings, event_id,
        past_start_time,
    },
};
use quittance_core::{Change, Class, Ended, Finding, Store, Tag, Tags};
use tokio::time::{Instant, sleep};

use crate::scene::{Fate, REGION, Scene};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const LATENESS: i64 = 3 * HOUR;

/// An API with cursors, pages and lateness.
#[derive(Clone)]
struct Api(Arc<Mutex<State>>);

struct State {
    began: Instant,
    start: i64,
    /// By cursor: when it happened, when it is shown, and its text.
    events: BTreeMap<String, Vec<(i64, i64, String)>>,
    page: usize,
    /// How long a page takes.
    takes: Duration,
    pages: u64,
    /// Those of windows that were read to their end.
    used: u64,
    asked: Vec<Window>,
    errors: Vec<Class>,
    repeats_tokens: bool,
}

impl Api {
    fn new(scene: &Scene) -> Api {
        let start = scene.aws.now().as_millisecond();
        Api(Arc::new(Mutex::new(State {
            began: Instant::now(),
            start,
            events: BTreeMap::from([("one".to_owned(), Vec::new())]),
            page: 3,
            takes: Duration::ZERO,
            pages: 0,
            used: 0,
            asked: Vec::new(),
            errors: Vec::new(),
            repeats_tokens: false,
        })))
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap())
    }

    fn now(&self) -> i64 {
        self.with(|state| state.start + state.began.elapsed().as_millis() as i64)
    }

    fn put(&self, cursor: &str, at: i64, shown: i64, text: &str) {
        self.with(|state| state.events.entry(cursor.to_owned()).or_default().push((at, shown, text.to_owned())));
    }

    /// Events over the next `span`, each late by anything up to the promise.
    fn put_random(&self, cursor: &str, seed: u64, count: usize, span: i64) -> Vec<String> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = self.now();
        let mut texts: Vec<_> = (0..count).map(|n| format!("{cursor} event {seed} {n:05}")).collect();
        for text in &texts {
            let at = now + rng.i64(0..span);
            let late = if rng.u8(0..4) == 0 { rng.i64(0..LATENESS) } else { rng.i64(0..5 * MINUTE) };
            self.put(cursor, at, at + late, text);
        }
        texts.sort();
        texts
    }
}

#[async_trait]
impl WindowKind for Api {
    fn cadence(&self) -> Cadence {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Cadence {
            period: minutes(1),
            grain: Duration::from_secs(1),
            delay: Duration::ZERO,
            overlap: minutes(5),
            sweeps: vec![Sweep { lateness: minutes(180), every: minutes(60) }],
            longest: minutes(60),
            most_pages: Some(200),
            horizon: Some(minutes(90 * 24 * 60)),
            advice: "use something else",
        }
    }

    async fn cursors(&self, _: &Calls) -> Result<Vec<String>, AwsError> {
        Ok(self.with(|state| state.events.keys().cloned().collect()))
    }

    fn open(&self, cursor: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages> {
        self.with(|state| state.asked.push(window));
        let tag = Tag::new("my.app.test.events").unwrap();
        Box::new(Asked {
            api: self.clone(),
            cursor: cursor.to_owned(),
            window,
            calls: calls.clone(),
            route: (Route::Send(tags.id(&tag)), Route::Drop(tags.id(&tag))),
            token: Token::First,
            pages: 0,
        })
    }

    async fn price(&self, _: &Calls) -> Result<Price, AwsError> {
        Ok(Price { window: Cost::of(1.0, 0.001), ..Price::default() })
    }

    async fn check(&self, _: &Calls) -> Result<Vec<Finding>, AwsError> {
        Ok(Vec::new())
    }
}

struct Asked {
    api: Api,
    cursor: String,
    window: Window,
    calls: Calls,
    route: (Route, Route),
    token: Token,
    pages: u64,
}

const QUOTA: Quota = Quota { api: "GetCallerIdentity", per_second: 4.0 };

#[async_trait]
impl Pages for Asked {
    async fn next(&mut self) -> Result<Option<Page>, AwsError> {
        let Some(token) = self.token.to_send() else {
            self.api.with(|state| state.used += std::mem::take(&mut self.pages));
            return Ok(None);
        };
        let error = self.api.with(|state| state.errors.pop());
        if let Some(class) = error {
            let failed = "scripted".into();
            let (operation, target) = ("Scripted", String::new());
            return Err(AwsError::Api { operation, target, code: None, status: None, class, source: failed });
        }
        // Takes its turn like a real call.
        _ = self.calls.call::<(), aws_sdk_sqs::Error>(QUOTA, "", std::future::ready(Ok(()))).await?;
        sleep(self.api.with(|state| state.takes)).await;
        let now = self.api.now();
        let (events, next) = self.api.with(|state| {
            state.pages += 1;
            let Window { from, to } = self.window;
            // Newest first; what comes late shifts the pages that follow.
            let mut all: Vec<_> = state.events[&self.cursor]
                .iter()
                .filter(|(at, shown, _)| (from..to).contains(at) && *shown <= now)
                .cloned()
                .collect();
            all.sort_by_key(|(at, shown, _)| std::cmp::Reverse((*shown, *at)));
            let first: usize = token.map_or(0, |token| token.parse().unwrap());
            let page: Vec<_> = all.iter().skip(first).take(state.page).cloned().collect();
            let next = first + state.page;
            let next = if state.repeats_tokens { first } else { next };
            (page, (next < all.len()).then(|| next.to_string()))
        });
        self.pages += 1;
        self.token.follow("Scripted", next)?;
        let mut page = Page::default();
        let mut bytes = Vec::new();
        for (at, _, text) in events {
            let start = bytes.len();
            bytes.extend_from_slice(text.as_bytes());
            let route = if text.starts_with("drop") { self.route.1 } else { self.route.0 };
            page.events.push(Found { place: start..bytes.len(), id: event_id(&[text.as_bytes()]), at, route });
        }
        page.bytes = Bytes::from(bytes);
        Ok(Some(page))
    }
}

fn settings(api: &Api) -> WindowSettings {
    WindowSettings::new(REGION, Arc::new(api.clone()))
}

async fn hours(hours: u64) {
    sleep(Duration::from_secs(hours * 3600)).await;
}

fn distinct(texts: &[String]) -> BTreeSet<&String> {
    texts.iter().collect()
}

#[tokio::test(start_paused = true)]
async fn events_that_come_late_arrive_once() {
    for seed in 0..5 {
        let scene = Scene::new(None).await;
        let api = Api::new(&scene);
        let expected = api.put_random("one", seed, 400, 12 * HOUR);
        let running = scene.windows(settings(&api));
        hours(18).await;
        assert_eq!(scene.receiver.texts(), expected, "seed {seed}");
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_day_loses_nothing_and_repeats_nothing() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 1, 400, 40 * HOUR);
    for (on, off) in [(5, 3), (1, 24), (2, 1), (12, 0)] {
        let running = scene.windows(settings(&api));
        hours(on).await;
        scene.stop_windows(running).await;
        hours(off).await;
    }
    assert_eq!(scene.receiver.texts(), expected);
}

#[tokio::test(start_paused = true)]
async fn kills_lose_nothing_and_repeat_only_what_was_not_written_down() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 2, 600, 20 * HOUR);
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..30 {
        let running = scene.windows(settings(&api));
        sleep(Duration::from_millis(rng.u64(0..3_000_000))).await;
        running.killed().await;
        scene.receiver.forget_kept();
    }
    let running = scene.windows(settings(&api));
    hours(30).await;
    let texts = scene.receiver.texts();
    assert_eq!(distinct(&texts), distinct(&expected));
    let repeated = texts.len() - expected.len();
    assert!(repeated < 30, "{repeated} of {} repeated", expected.len());
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_given_again() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 3, 300, 6 * HOUR);
    let mut rng = fastrand::Rng::with_seed(3);
    let fates: Vec<_> = (0..150).map(|_| if rng.bool() { Fate::Return } else { Fate::Deliver }).collect();
    scene.receiver.script(&fates);
    let running = scene.windows(settings(&api));
    hours(12).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_confirmed_before_its_receipt() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    api.put("one", now + MINUTE, now + MINUTE, "kept");
    scene.receiver.set(Fate::Keep);
    let running = scene.windows(settings(&api));
    hours(5).await;
    running.killed().await;
    scene.receiver.forget_kept();
    scene.receiver.set(Fate::Deliver);
    hours(5).await;
    let running = scene.windows(settings(&api));
    hours(1).await;
    assert_eq!(scene.receiver.texts(), ["kept"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_the_destination_is_out() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 4, 50, 2 * HOUR);
    scene.receiver.set_ready(false);
    let running = scene.windows(settings(&api));
    hours(30).await;
    assert_eq!(api.with(|state| state.pages), 0);
    scene.receiver.set_ready(true);
    hours(2).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn the_past_is_collected_from_the_first_moment_that_is_wanted() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    for day in 0..20 {
        api.put("one", now - day * 24 * HOUR - 10 * MINUTE, 0, &format!("{day:02} days ago"));
    }
    let mut settings = settings(&api);
    settings.start_time = Some(now - 10 * 24 * HOUR);
    let running = scene.windows(settings);
    hours(1).await;
    let expected: Vec<_> = (0..10).map(|day| format!("{day:02} days ago")).collect();
    assert_eq!(scene.receiver.texts(), expected);
    // Without one, nothing of the past is wanted; the present is.
    assert!(api.with(|state| state.asked.iter().all(|window| window.to - window.from <= HOUR + 6 * MINUTE)));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_hour_is_cut_into_windows_that_can_be_asked() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    // 2,000 events in 20 minutes, 3 a page, and receipts that come back now and then.
    for n in 0..2000 {
        api.put("one", now - HOUR + n * 600, 0, &format!("busy {n:05}"));
    }
    let fates: Vec<_> = (0..400).map(|n| if n % 7 == 0 { Fate::Return } else { Fate::Deliver }).collect();
    scene.receiver.script(&fates);
    let mut settings = settings(&api);
    settings.start_time = Some(now - HOUR);
    let running = scene.windows(settings);
    hours(3).await;
    let texts = scene.receiver.texts();
    assert_eq!((texts.len(), distinct(&texts).len()), (2000, 2000));
    scene.end(running).await;
}

/// An hour of it has nearly twice the pages that a window may have; what fitted is remembered.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_busy_is_asked_for_what_fits() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    api.with(|state| state.page = 5);
    let now = api.now();
    for n in 0..4 * 3600 / 2 {
        api.put("one", now + n * 2 * SECOND, now + n * 2 * SECOND, &format!("busy {n:06}"));
    }
    let running = scene.windows(settings(&api));
    hours(1).await;
    sleep(Duration::from_secs(900)).await;
    let (pages, used) = api.with(|state| (state.pages, state.used));
    hours(2).await;
    let (pages, used) = api.with(|state| (state.pages - pages, state.used - used));
    let wasted = pages - used;
    assert!(pages > 2500, "{pages} pages");
    assert!(wasted * 10 < pages, "{wasted} of {pages} pages were asked for in vain");
    let texts = scene.receiver.texts();
    assert_eq!(texts.len(), distinct(&texts).len());
    running.killed().await;
}

#[tokio::test(start_paused = true)]
async fn errors_cost_time_and_nothing_else() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 6, 100, 3 * HOUR);
    let running = scene.windows(settings(&api));
    for class in [Class::Throttled, Class::Retry, Class::NeedsPerson, Class::SignIn] {
        hours(1).await;
        api.with(|state| state.errors.extend(std::iter::repeat_n(class, 12)));
    }
    api.with(|state| state.repeats_tokens = true);
    hours(1).await;
    api.with(|state| state.repeats_tokens = false);
    hours(8).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn cursors_come_and_go() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let running = scene.windows(settings(&api));
    hours(1).await;
    let (first, second) = (api.put_random("one", 7, 20, HOUR), api.put_random("two", 8, 20, HOUR));
    // It came into being just now, and says what happened before.
    let now = api.now();
    api.put("two", now - 30 * MINUTE, now, "two earlier");
    hours(6).await;
    let mut expected = [first, second, vec!["two earlier".to_owned()]].concat();
    expected.sort();
    assert_eq!(scene.receiver.texts(), expected);
    api.with(|state| _ = state.events.remove("two"));
    hours(1).await;
    let more = api.put_random("two", 9, 5, HOUR);
    hours(6).await;
    expected.extend(more);
    expected.sort();
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn half_the_quota_is_never_passed() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    for n in 0..2000 {
        api.put("one", now - HOUR + n, 0, &format!("{n:04}"));
    }
    let mut settings = settings(&api);
    settings.start_time = Some(now - HOUR);
    let running = scene.windows(settings);
    sleep(Duration::from_secs(100)).await;
    let pages = api.with(|state| state.pages);
    assert!((195..=201).contains(&pages), "{pages} pages in 100 s at 2 a second");
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_is_filtered_once_and_what_is_too_long_is_set_aside() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    api.put("one", now + MINUTE, now + MINUTE, "drop this");
    api.put("one", now + MINUTE, now + MINUTE, "sent");
    api.put("one", now + MINUTE, now + MINUTE, &"long".repeat(20));
    let mut settings = settings(&api);
    settings.max_event_bytes = 40;
    scene.store.set_full(true);
    let running = scene.windows(settings);
    hours(1).await;
    assert_eq!((scene.counts().filtered, scene.counts().quarantined), (1, 0));
    scene.store.set_full(false);
    hours(5).await;
    assert_eq!((scene.counts().filtered, scene.counts().quarantined), (1, 1));
    assert_eq!(scene.receiver.texts(), ["sent"]);
    let item = scene.store.quarantined().pop().unwrap();
    let unit = |settings: WindowSettings| settings.unit(&scene.account, "service", "type", String::new());
    let mut settings = self::settings(&api);
    settings.max_event_bytes = 40;
    assert!(scene.replay(&*unit(settings.clone()).puller, item.clone()).await.is_err(), "it is still too long");
    settings.max_event_bytes = 1000;
    scene.replay(&*unit(settings).puller, item).await.unwrap();
    assert_eq!(scene.receiver.texts(), ["long".repeat(20), "sent".to_owned()]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_written_for_a_while_repeats_nothing() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 10, 200, 10 * HOUR);
    let running = scene.windows(settings(&api));
    hours(2).await;
    scene.store.set_failing(true);
    hours(2).await;
    scene.store.set_failing(false);
    hours(2).await;
    scene.stop_windows(running).await;
    let running = scene.windows(settings(&api));
    hours(10).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn more_events_than_may_be_remembered_are_still_given_once() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    for n in 0..600 {
        let at = now + n * MINUTE / 2;
        api.put("one", at, at, &format!("{n:04}"));
    }
    let mut settings = settings(&api);
    settings.remembered_ids = 200;
    let running = scene.windows(settings);
    hours(10).await;
    let texts = scene.receiver.texts();
    assert_eq!((texts.len(), distinct(&texts).len()), (600, 600));
    scene.end(running).await;
}

/// A cursor whose polls take longer than their period must not keep its sweeps from being made.
#[tokio::test(start_paused = true)]
async fn polls_that_never_end_leave_a_turn_to_the_sweeps() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    // A page takes longer than the time between two polls.
    api.with(|state| (state.page, state.takes) = (1000, Duration::from_secs(70)));
    for n in 0..6 * 60 {
        let at = now + n * MINUTE;
        api.put("one", at, at, &format!("busy {n:06}"));
    }
    api.put("one", now + 10 * MINUTE, now + 100 * MINUTE, "late");
    let running = scene.windows(settings(&api));
    hours(6).await;
    assert!(scene.receiver.texts().iter().any(|text| text == "late"), "the late one is not found while it is busy");
    running.killed().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_new_cursor_begins_with_is_known_at_once() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let running = scene.windows(settings(&api));
    hours(1).await;
    // Refused from its first moment on, for two days, over a restart.
    let expected = api.put_random("two", 11, 50, 6 * HOUR);
    api.with(|state| state.errors.extend(std::iter::repeat_n(Class::NeedsPerson, 100_000)));
    hours(48).await;
    scene.stop_windows(running).await;
    api.with(|state| state.errors.clear());
    let running = scene.windows(settings(&api));
    hours(12).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_cursor_is_asked_seldom() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    api.with(|state| state.errors.extend(std::iter::repeat_n(Class::NeedsPerson, 100_000)));
    let running = scene.windows(settings(&api));
    hours(24).await;
    let asked = api.with(|state| state.asked.len());
    assert!((200..1000).contains(&asked), "{asked} windows were asked for in a day");
    running.killed().await;
}

/// What was forgotten for want of room stays forgotten over a restart, and is not taken for new.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_remembered_is_not_repeated_after_a_restart() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    for n in 0..1200 {
        let at = now + n * MINUTE / 2;
        api.put("one", at, at, &format!("{n:04}"));
    }
    let limited = || {
        let mut settings = settings(&api);
        settings.remembered_ids = 200;
        settings
    };
    for _ in 0..6 {
        let running = scene.windows(limited());
        hours(2).await;
        scene.stop_windows(running).await;
    }
    let texts = scene.receiver.texts();
    assert_eq!((texts.len(), distinct(&texts).len()), (1200, 1200));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_set_aside_holds_up_no_other() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    api.put("one", now + MINUTE, now + MINUTE, &"long".repeat(20));
    let expected = api.put_random("one", 12, 200, 10 * HOUR);
    let mut settings = settings(&api);
    settings.max_event_bytes = 40;
    scene.store.set_full(true);
    let running = scene.windows(settings);
    hours(16).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_life_that_cannot_be_read_is_not_taken_for_none() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let change = Change::Checkpoint { cursor: String::new(), value: "{".to_owned() };
    scene.store.commit(scene.store.fence(), "test", vec![change]).await.unwrap();
    let ended = scene.windows(settings(&api)).ended().await;
    assert!(
        matches!(&ended, Ended::Failed(failure) if failure.chain().contains("understanding a checkpoint")),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_during_a_stop_is_written_down_before_it_ends() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    scene.receiver.set(Fate::Keep);
    let running = scene.windows(settings(&api));
    sleep(Duration::from_secs(90)).await;
    api.put("one", now + 100 * SECOND, now + 100 * SECOND, "first");
    api.put("one", now + 300 * SECOND, now + 300 * SECOND, "second");
    scene.until("both were given", |scene| scene.receiver.given() == 2).await;
    scene.stop.cancel();
    sleep(Duration::from_secs(1)).await;
    scene.receiver.deliver_first();
    sleep(Duration::from_secs(9)).await;
    running.killed().await;
    assert_eq!(scene.store.remembered_hours("test", "one").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_loses_nothing() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let expected = api.put_random("one", 13, 200, 30 * HOUR);
    let running = scene.windows(settings(&api));
    hours(1).await;
    scene.set_clock_ahead(Duration::from_secs(7 * 3600));
    hours(7).await;
    scene.set_clock_ahead(Duration::ZERO);
    hours(40).await;
    assert_eq!(scene.receiver.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stays_off_collects_all_the_same() {
    for ahead in [3600, 100 * 86_400] {
        let scene = Scene::new(None).await;
        let api = Api::new(&scene);
        let expected = api.put_random("one", 15, 200, 10 * HOUR);
        let running = scene.windows(settings(&api));
        hours(1).await;
        scene.set_clock_ahead(Duration::from_secs(ahead));
        hours(5).await;
        scene.stop_windows(running).await;
        let running = scene.windows(settings(&api));
        hours(10).await;
        assert_eq!(scene.receiver.texts(), expected);
        scene.end(running).await;
    }
}

/// Where nothing was known before, even what happened while the clock was ahead is still wanted.
#[tokio::test(start_paused = true)]
async fn a_first_run_by_a_clock_that_is_ahead_does_not_begin_late() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    scene.set_clock_ahead(Duration::from_secs(10 * 3600));
    let running = scene.windows(settings(&api));
    sleep(Duration::from_secs(60)).await;
    let mut expected = api.put_random("one", 14, 50, HOUR / 4);
    sleep(Duration::from_secs(1200)).await;
    scene.set_clock_ahead(Duration::ZERO);
    sleep(Duration::from_secs(60)).await;
    // Not yet listed.
    let now = api.now();
    api.put("two", now, now, "of a new cursor");
    expected.push("of a new cursor".to_owned());
    hours(20).await;
    assert_eq!(distinct(&scene.receiver.texts()), distinct(&expected));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_an_outage_takes_no_longer_than_its_drain() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let now = api.now();
    api.put("one", now + MINUTE, now + MINUTE, "kept");
    scene.receiver.set(Fate::Keep);
    let running = scene.windows(settings(&api));
    hours(1).await;
    let began = Instant::now();
    scene.stop_windows(running).await;
    assert!(began.elapsed() <= Duration::from_secs(21), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_first_moment_that_is_still_to_come_is_refused() {
    let scene = Scene::new(None).await;
    let error = past_start_time(Some("2999-01-01"), &scene.account).unwrap_err();
    assert!(error.problem.contains("`2999-01-01` is in the future"), "{error}");
    assert!(past_start_time(Some("2001-01-01"), &scene.account).unwrap().is_some());
    assert_eq!(past_start_time(None, &scene.account).unwrap(), None);
}

/// A poll every five minutes, a sweep of four hours in windows of one every hour, and a check every 45 seconds.
#[tokio::test(start_paused = true)]
async fn an_estimate_counts_polls_and_sweeps() {
    let scene = Scene::new(None).await;
    let api = Api::new(&scene);
    let unit = settings(&api).unit(&scene.account, "service", "type", String::new());
    let estimate = unit.setup.estimate(Duration::from_secs(45)).await.unwrap();
    let cadence = api.cadence();
    let month = 30.0 * 24.0 * 3600.0;
    let sweep = cadence.sweeps[0];
    let windows = ((sweep.lateness + sweep.every).as_secs_f64() / cadence.longest.as_secs_f64()).ceil();
    let expected = month / cadence.period.as_secs_f64() + windows * month / sweep.every.as_secs_f64();
    assert_eq!(cadence.sweeps.len(), 1);
    assert!((estimate.calls - expected).abs() < 1.0, "{estimate:?}, expected {expected}");
    assert!((estimate.dollars - expected * 0.001).abs() < 0.01, "{estimate:?}");
}

#[tokio::test(start_paused = true)]
async fn filters_drop_mask_and_sample_what_an_api_shows_and_the_same_again_after_a_return() {
    let mut scene = Scene::new(None).await;
    let filters = serde_json::json!([
        {"when": [{"field": "kind", "is": ["quiet"]}], "action": "drop"},
        {"when": [{"field": "kind", "is": ["many"]}], "sample": 3},
        {"mask": ["secret"]},
    ]);
    let sections: Vec<quittance_aws::FilterSection> = serde_json::from_value(filters).unwrap();
    let filters = quittance_aws::Filters::new("one", &sections).unwrap();
    scene.account = Arc::new(scene.account.filtered(Arc::new(filters)));
    let api = Api::new(&scene);
    let now = api.now();
    for n in 0..300 {
        api.put("one", now + n, now + n, &format!(r#"{{"kind":"many","n":{n}}}"#));
    }
    api.put("one", now, now, r#"{"kind":"quiet"}"#);
    api.put("one", now, now, r#"{"kind":"loud","secret":"abc"}"#);
    scene.receiver.script(&[Fate::Return; 40]);
    let running = scene.windows(WindowSettings::new(REGION, Arc::new(api.clone())));
    sleep(Duration::from_secs(8 * 3600)).await;
    let texts = scene.receiver.texts();
    assert!(texts.contains(&r#"{"kind":"loud","secret":"***"}"#.to_owned()), "{texts:?}");
    let came: BTreeSet<String> = scene.receiver.came().into_iter().map(|(text, _)| text).collect();
    assert_eq!(came, texts.iter().cloned().collect(), "the same bytes each time");
    assert!((60..140).contains(&texts.len()), "{}", texts.len());
    assert_eq!(scene.counts().filtered, 302 - texts.len() as u64, "each is counted once");
    assert_eq!(scene.dropped()[&Arc::from("one/1")].events, 1);
    scene.end(running).await;
}
