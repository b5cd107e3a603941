//! What users and data write, as anything that they might.

use std::time::Duration;

use quittance_core::{Interval, Tag};
use quittance_fuzz::fuzz;

#[test]
fn durations() {
    fuzz(
        "durations",
        ["5s", "500ms", "1.5 m", "2h", "1d", "7", ".5s", "99999999999999999999d", "300", "\"5s\""],
        |input| {
            let Ok(text) = std::str::from_utf8(input) else { return };
            let reference = || {
                let units = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0), ("", 1.0)];
                let (number, unit) =
                    units.into_iter().find_map(|(name, unit)| Some((text.trim_end().strip_suffix(name)?, unit)))?;
                let number = if text.trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '.') {
                    text
                } else {
                    number.trim_end()
                };
                let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                    && number.bytes().filter(|b| *b == b'.').count() < 2;
                let number: f64 = plain.then(|| number.parse().ok())??;
                Duration::try_from_secs_f64(number * unit).ok()
            };
            let read = text.parse::<Interval>();
            // White space may stand before a unit and behind it, and nowhere else.
            if !text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').starts_with(char::is_whitespace) {
                assert_eq!(read.as_ref().ok().map(|read| read.0), reference(), "{text:?}");
            }
            if let Err(error) = &read {
                assert!(!error.to_string().contains(char::is_control), "{error}");
            }
            // What a configuration says is the same, as a text or as a number.
            let said = serde_json::from_str::<Interval>(&serde_json::to_string(text).unwrap());
            assert_eq!(said.ok(), read.ok());
            if let (Ok(seconds), Ok(said)) = (serde_json::from_str::<f64>(text), serde_json::from_str::<Interval>(text))
            {
                assert!((said.0.as_secs_f64() - seconds).abs() <= seconds * 1e-9 + 1e-9);
            }
        },
    );
}

#[test]
fn tags() {
    fuzz(
        "tags",
        ["cloud.aws.cloudtrail.ec2.111122223333.eu-west-1", "my.app", "a..b", "a b.c", "one", "a.b:"],
        |input| {
            let Ok(text) = std::str::from_utf8(input) else { return };
            let is_level =
                |level: &str| !level.is_empty() && level.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            let fits = text.contains('.') && text.split('.').all(is_level);
            match Tag::new(text) {
                Ok(tag) => {
                    assert!(fits);
                    assert_eq!(tag.as_str(), text);
                    assert!(text.starts_with(tag.table()) && tag.table().split('.').count() <= 4);
                }
                Err(error) => {
                    assert!(!fits);
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                }
            }
        },
    );
}
