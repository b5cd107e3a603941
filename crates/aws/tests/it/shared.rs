//! Services that share a queue: each message goes to whose it is.

use std::{ops::Range, sync::Arc};

use quittance_aws::{
    Limits, ObjectRef, Whereabouts,
    objects::{Claim, ObjectKind, ObjectsSettings, Opened, Selection},
    queue::{BodyKind, QueueSettings, Router},
};
use quittance_core::{Tag, Tags, Unit};
use quittance_formats::{Header, Lines};

use crate::scene::{BUCKET, DEAD, One, QUEUE, REGION, Scene, events, receives, text};

/// Objects below a folder, or bodies that begin so.
struct Mine(&'static str);

impl ObjectKind for Mine {
    fn select(&self, object: &ObjectRef) -> Selection {
        if object.key.ends_with("skip") { Selection::Skip("not wanted") } else { Selection::Read }
    }

    fn open(&self, _: &ObjectRef, _: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let framer = Box::new(Lines::new(Header::None, max_event_bytes));
        Opened { framer, router: Box::new(One(tags.id(&self.tag()))), json: false }
    }

    fn claim(&self, object: &ObjectRef) -> Claim {
        if object.key.starts_with(self.0) { Claim::Own } else { Claim::No }
    }
}

impl BodyKind for Mine {
    fn events(&self, body: &[u8], found: &mut Vec<Range<usize>>) {
        found.push(0..body.len());
    }

    fn router(&self, _: &Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(One(tags.id(&self.tag())))
    }

    fn claim(&self, body: &[u8]) -> Claim {
        match self.0 {
            "rest" => Claim::Rest,
            mine if body.starts_with(mine.as_bytes()) => Claim::Own,
            _ => Claim::No,
        }
    }
}

impl Mine {
    fn tag(&self) -> Tag {
        Tag::new(&format!("my.app.{}", self.0)).unwrap()
    }
}

fn objects(scene: &Scene, name: &'static str) -> Unit {
    let (queue, region) = (QUEUE.to_owned(), REGION.to_owned());
    let settings = ObjectsSettings {
        queue,
        region,
        buckets: Vec::new(),
        kind: Arc::new(Mine(name)),
        limits: Limits::of_objects(),
    };
    settings.unit(&scene.account, name, "type", String::new())
}

fn bodies(scene: &Scene, name: &'static str) -> Unit {
    let (queue, region) = (QUEUE.to_owned(), REGION.to_owned());
    let settings = QueueSettings { queue, region, kind: Arc::new(Mine(name)), limits: Limits::of_bodies() };
    settings.unit(&scene.account, name, String::new())
}

/// Events by the last level of their tag.
fn by_tag(scene: &Scene) -> Vec<(String, u64)> {
    scene
        .counts_by_tag()
        .into_iter()
        .map(|(tag, count)| (tag.trim_start_matches("my.app.").to_owned(), count))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn units_of_one_queue_are_one_and_its_address_says_so() {
    let scene = Scene::new(None).await;
    let (one, two, three) = (objects(&scene, "one"), bodies(&scene, "two"), bodies(&scene, "three"));
    assert!(Arc::ptr_eq(&one.puller, &two.puller) && Arc::ptr_eq(&one.puller, &three.puller));
    let ids = [one, two, three].map(|unit| unit.id.to_string());
    let shared = format!("aws/10001/shared/{REGION}/{QUEUE}");
    assert_eq!(ids, [format!("aws/10001/one/type/{REGION}/{QUEUE}"), shared.clone(), shared]);
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_whose_it_is_by_its_content() {
    let scene = Scene::new(Some(2)).await;
    let units = [objects(&scene, "one"), bodies(&scene, "rest"), objects(&scene, "two"), bodies(&scene, "three")];
    scene.put_lines("one/a", 0..10);
    scene.put_lines("two/a", 100..120);
    scene.put_silently("one/b", 200..205);
    scene.put_silently("two/b", 300..307);
    scene.put_silently("two/skip", 400..407);
    scene.announce(&[("silent", "one/b"), ("silent", "two/b"), ("silent", "two/skip")]);
    scene.aws.send(QUEUE, "three is this");
    scene.aws.send(QUEUE, "this is of no one else");
    let running = scene.puller(units[0].puller.clone());
    scene.until_empty().await;
    let expected = [("one", 15), ("rest", 1), ("three", 1), ("two", 27)].map(|(tag, count)| (tag.to_owned(), count));
    assert_eq!(by_tag(&scene), expected);
    assert_eq!((receives(&scene.aws), scene.aws.counts(DEAD).visible), ([(1, 5)].into(), 0));
    scene.end(running).await;
}

/// elastic/integrations#9289: what matches no reader was deleted.
#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_left_to_the_redrive_policy_and_its_neighbours_flow() {
    let scene = Scene::new(Some(2)).await;
    let units = [objects(&scene, "one"), bodies(&scene, "two")];
    scene.put_silently("one/a", 0..10);
    scene.put_silently("unknown/a", 100..110);
    scene.announce(&[("silent", "one/a"), ("silent", "unknown/a")]);
    scene.aws.send(QUEUE, "nobody's");
    scene.aws.send(QUEUE, "two");
    let running = scene.puller(units[0].puller.clone());
    scene.until("two are dead", |scene| scene.aws.counts(DEAD).visible == 2).await;
    scene.until_empty().await;
    let mut expected = events(0..10);
    expected.push("two".to_owned());
    assert_eq!(scene.receiver.texts(), expected, "once, although their message came twice");
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_set_aside_where_there_is_no_redrive_policy() {
    let scene = Scene::new(None).await;
    let units = [objects(&scene, "one"), bodies(&scene, "two")];
    scene.aws.put_object(BUCKET, "unknown/a", text(0..10));
    scene.aws.send(QUEUE, "nobody's");
    let running = scene.puller(units[0].puller.clone());
    scene.until_empty().await;
    let mut aside = scene.store.quarantined();
    aside.sort_by_key(|item| item.bytes.len());
    let said: Vec<_> = aside.iter().map(|item| (item.reason.as_str(), item.bytes.as_slice())).collect();
    let object = "`s3://logs/unknown/a` is taken by no service that reads its queue";
    let body = "no service that reads this queue takes it";
    assert_eq!(said, [(object, b"".as_slice()), (body, b"nobody's".as_slice())]);
    scene.end(running).await;
}
