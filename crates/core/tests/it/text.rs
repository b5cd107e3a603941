//! Tags and durations, as people and data write them.

use std::time::Duration;

use proptest::prelude::*;
use quittance_core::{Interval, Tag};

#[test]
fn durations_have_units() {
    for (text, seconds) in
        [("5s", 5.0), ("500ms", 0.5), ("10m", 600.0), ("2h", 7200.0), ("1d", 86400.0), ("1.5s", 1.5), ("7", 7.0)]
    {
        assert_eq!(text.parse::<Interval>().unwrap().0, Duration::from_secs_f64(seconds), "{text}");
    }
    for wrong in ["", "s", "5 x", "-1s", "1e3", "5ss", "99999999999999999999d"] {
        assert!(wrong.parse::<Interval>().is_err(), "{wrong}");
    }
    assert_eq!(serde_json::from_str::<Interval>("300").unwrap().0, Duration::from_secs(300));
    assert_eq!(serde_json::from_str::<Interval>("\"5s\"").unwrap().0, Duration::from_secs(5));
    assert!(serde_json::from_str::<Interval>("-3").is_err());
}

#[test]
fn a_table_is_the_first_four_levels() {
    let table = |tag: &str| Tag::new(tag).unwrap().table().to_owned();
    assert_eq!(table("cloud.aws.cloudtrail.ec2.111122223333.eu-west-1"), "cloud.aws.cloudtrail.ec2");
    assert_eq!(table("my.app"), "my.app");
}

proptest! {
    #[test]
    fn no_tag_can_forge_a_header(text in ".{0,40}") {
        if let Ok(tag) = Tag::new(&text) {
            prop_assert!(!tag.as_str().contains([' ', ':', '\n', '\r', '\t', '\0']));
            prop_assert!(tag.as_str().split('.').count() >= 2);
            prop_assert!(tag.as_str().split('.').all(|level| !level.is_empty()));
        }
    }
}
