//! Whatever a body is: its events are parts of it, in their order, and none chooses its tag.

use quittance_aws::{
    TagTemplate, Whereabouts,
    queue::{BodyKind, Route},
};
use quittance_core::Tags;
use quittance_fuzz::fuzz;
use quittance_testbed::generate::{Origin, voiso};

use super::SecurityEvents;

#[test]
fn bodies() {
    let template = TagTemplate::new("my.app.voiso.{event_type}", "unknown").unwrap();
    let kind = SecurityEvents { template };
    let mut rng = fastrand::Rng::with_seed(5);
    let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
    let mut seeds: Vec<String> = (0..4).map(|n| voiso::event(&mut rng, &origin, n)).collect();
    seeds.extend(
        ["{}", "[]", "not json", r#"{"source":"aws.a\\u000a","account":"1.2","region":"x: <14>"}"#].map(str::to_owned),
    );
    fuzz("bodies", seeds, |body| {
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let tags = Tags::default();
        let mut places = Vec::new();
        kind.events(body, &mut places);
        assert!(!places.is_empty(), "a body without an event");
        let mut router = kind.router(&at, &tags);
        router.enter(body);
        let mut before = 0;
        for place in places {
            assert!(before <= place.start && place.start <= place.end && place.end <= body.len());
            before = place.end;
            let (Route::Send(id) | Route::Drop(id)) = router.route(&body[place.clone()]);
            assert!(router.route(&body[place]) == Route::Send(id));
            let tag = tags.tag(id).to_string();
            let levels = tag.strip_prefix("my.app.voiso.").expect("one table").split('.').count();
            assert_eq!(levels, 1, "{tag}");
        }
        kind.claim(body);
    });
}
