//! A bucket that announces nothing: where its logs are, and how old its key is.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use quittance_aws::{Account, PlanError, listing::Layout};
use quittance_core::{Code, Failure, Family, Finding, Setup};

/// From this age on, a key is warned of: Cisco refuses keys of its buckets after 90 days.
const OLD_DAYS: i32 = 75;

/// A folder for each kind of logs, and in it one for each day. All folders are listed, also those that are not known.
pub(crate) struct Folders {
    pub(crate) root: String,
}

impl Layout for Folders {
    fn root(&self) -> Option<String> {
        Some(self.root.clone())
    }

    fn prefixes(&self, folders: &[String], day: Date) -> Vec<String> {
        folders.iter().map(|folder| format!("{folder}{day}/")).collect()
    }
}

/// A bucket's name and where in it to look, which may stand together as Umbrella shows them: `s3://bucket/prefix`.
pub(crate) fn place(bucket: &str, prefix: Option<&str>) -> Result<(String, String), PlanError> {
    let bucket = bucket.trim();
    let bucket = bucket.strip_prefix("s3://").unwrap_or(bucket);
    let (name, path) = bucket.split_once('/').unwrap_or((bucket, ""));
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if !(3..=63).contains(&name.len()) || !name.bytes().all(fits) {
        let problem =
            format!("`{}` is no bucket: expected its name, as in `cisco-managed-us-west-1`", name.escape_debug());
        return Err(PlanError::new("bucket", problem));
    }
    let prefix = prefix.map(str::trim).filter(|prefix| !prefix.is_empty()).unwrap_or(path).trim_matches('/');
    let root = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok((name.to_owned(), root))
}

/// A day as in `2026-01-15`, with or without a time after it.
pub(crate) fn day(key: &str, text: Option<&str>) -> Result<Option<Date>, PlanError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let problem = || format!("`{}` is no day: expected one as in `2026-01-15`", text.escape_debug());
    // What begins with a day may go on with a time.
    let day = text.get(..10).and_then(|day| day.parse().ok());
    day.map(Some).ok_or_else(|| PlanError::new(key, problem()))
}

/// A key of Cisco's bucket ends soon.
static OLD_KEY: Code = Code::new(
    Family::Setup,
    170,
    "an access key of Cisco's bucket ends soon",
    "It is older than 75 days, and Cisco refuses keys of the buckets that it manages after 90.",
    "Make a new key in Umbrella (Admin, Log Management), and set access_key, access_secret and access_key_created.",
)
.of("Cisco Umbrella");

/// The codes of what only this service finds.
pub(crate) static CODES: &[&Code] = &[&OLD_KEY];

/// Warns of an old key, beside everything else that there is to check.
pub(crate) struct KeyAge {
    pub(crate) other: Arc<dyn Setup>,
    pub(crate) account: Arc<Account>,
    pub(crate) region: String,
    pub(crate) created: Date,
}

#[async_trait]
impl Setup for KeyAge {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let mut findings = self.other.check().await?;
        findings.extend(self.age().filter(|days| *days > OLD_DAYS).map(|days| {
            let problem =
                format!("the access key is {days} days old, and Cisco refuses keys of its buckets after 90 days");
            Finding::warning(&OLD_KEY, problem)
        }));
        Ok(findings)
    }
}

impl KeyAge {
    /// In days.
    fn age(&self) -> Option<i32> {
        let now = self.account.config(&self.region).time_source()?.now();
        let today = Timestamp::try_from(now).ok()?.to_zoned(TimeZone::UTC).date();
        Some(today.since(self.created).ok()?.get_days())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_with_its_prefix_or_beside_it() {
        let check = |bucket: &str, prefix: Option<&str>, name: &str, root: &str| {
            let found = place(bucket, prefix).unwrap();
            assert_eq!(found, (name.to_owned(), root.to_owned()), "{bucket} {prefix:?}");
        };
        check("cisco-managed-us-west-1", Some("8234970_0a1b"), "cisco-managed-us-west-1", "8234970_0a1b/");
        check("cisco-managed-us-west-1", Some("/a/b/"), "cisco-managed-us-west-1", "a/b/");
        check("s3://cisco-managed-us-west-1/8234970_0a1b", None, "cisco-managed-us-west-1", "8234970_0a1b/");
        check("s3://cisco-managed-us-west-1/", Some(""), "cisco-managed-us-west-1", "");
        check("logs.acme", None, "logs.acme", "");
        for wrong in ["", "x", "a b c", "s3://", "arn:aws:s3:::logs", "Logs"] {
            assert!(place(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_folder_of_a_day_is_listed() {
        let folders = ["p/dnslogs/".to_owned(), "p/new/".to_owned()];
        let day = jiff::civil::date(2026, 1, 5);
        assert_eq!(
            Folders { root: "p/".to_owned() }.prefixes(&folders, day),
            ["p/dnslogs/2026-01-05/", "p/new/2026-01-05/"]
        );
    }

    #[test]
    fn a_day_may_have_a_time() {
        let expected = Some(jiff::civil::date(2026, 1, 15));
        for text in ["2026-01-15", " 2026-01-15 ", "2026-01-15T12:00:00.000Z"] {
            assert_eq!(day("k", Some(text)).unwrap(), expected, "{text}");
        }
        assert_eq!((day("k", None).unwrap(), day("k", Some(" ")).unwrap()), (None, None));
        for text in ["15.01.2026", "yesterday", "2026-1-1", "2026-13-01"] {
            assert!(day("k", Some(text)).is_err(), "{text}");
        }
    }
}
