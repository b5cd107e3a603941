//! Which objects a range of time means, and which folders need not be listed for it.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use quittance_core::Past;

/// A range of time over the objects of a bucket.
pub(super) struct Range {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    by_name: bool,
}

/// A day that the folders of a key have.
struct Named<'a> {
    day: Date,
    /// The key up to the end of the folder of its year, of its month, and of its day; one folder may be all of them.
    folders: [&'a str; 3],
}

/// Behind every key of a folder.
const LAST: char = char::MAX;

impl Range {
    pub(super) fn of(past: &Past) -> Self {
        // What no calendar knows bounds nothing.
        let at = |time: Option<std::time::SystemTime>| time.and_then(|time| Timestamp::try_from(time).ok());
        Range { from: at(past.from), to: at(past.to), by_name: past.by_name }
    }

    /// The day of an object in the range: that of its name, or else on which it was stored. What nobody knows the time of is in it.
    pub(super) fn day(&self, key: &str, modified: Option<Timestamp>) -> Option<Date> {
        if let Some(named) = self.named(key) {
            return self.has_day(named.day).then_some(named.day);
        }
        let Some(at) = modified else { return Some(Date::ZERO) };
        let is_in = self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to);
        is_in.then(|| day_of(at))
    }

    /// If a key is in the folder of a day, a month or a year that is not in the range: what to list behind instead.
    pub(super) fn skip(&self, key: &str) -> Option<String> {
        let Named { day, folders: [year, month, of_day] } = self.named(key)?;
        let (first, last) = (self.first().unwrap_or(Date::MIN), self.last().unwrap_or(Date::MAX));
        if (first..=last).contains(&day) {
            return None;
        }
        let months = (first.year(), first.month())..=(last.year(), last.month());
        let folder = if !(first.year()..=last.year()).contains(&day.year()) {
            year
        } else if !months.contains(&(day.year(), day.month())) {
            month
        } else {
            of_day
        };
        Some(format!("{folder}/{LAST}"))
    }

    fn named<'a>(&self, key: &'a str) -> Option<Named<'a>> {
        if self.by_name { named(key) } else { None }
    }

    fn has_day(&self, day: Date) -> bool {
        self.first().is_none_or(|first| first <= day) && self.last().is_none_or(|last| day <= last)
    }

    fn first(&self) -> Option<Date> {
        self.from.map(day_of)
    }

    /// The last day that has a moment before the end.
    fn last(&self) -> Option<Date> {
        let to = self.to?;
        Some(day_of(to.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(to)))
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The last day that stands in a key's folders: `2026/01/15`, `year=2026/month=01/day=15` or `2026-01-15`.
fn named(key: &str) -> Option<Named<'_>> {
    let mut folders = Vec::new();
    let mut start = 0;
    for (end, _) in key.match_indices('/') {
        folders.push((&key[start..end], &key[..end]));
        start = end + 1;
    }
    let whole = |(name, path): (&str, &'_ str)| {
        Some((name.len() == 10).then(|| name.parse().ok())??).map(|day| (day, path.len()))
    };
    for at in (0..folders.len()).rev() {
        if let Some((day, end)) = whole(folders[at]) {
            return Some(Named { day, folders: [&key[..end]; 3] });
        }
        if let Some([year, month, day]) = at.checked_sub(2).and_then(|from| folders.get(from..=at)?.first_chunk::<3>())
            && let Some(date) = date(year.0, month.0, day.0)
        {
            return Some(Named { day: date, folders: [year.1, month.1, day.1] });
        }
    }
    None
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let number = |text: &str, name: &str, digits: usize| {
        let text = text.strip_prefix(name).unwrap_or(text);
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i16>().ok())?
    };
    let (year, month, day) = (number(year, "year=", 4)?, number(month, "month=", 2)?, number(day, "day=", 2)?);
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Range {
        let at = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Range { from: at(from), to: at(to), by_name: true }
    }

    fn modified(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_day_is_found_in_the_folders_of_every_layout() {
        let check = |key: &str, day: Option<&str>| {
            assert_eq!(named(key).map(|named| named.day.to_string()).as_deref(), day, "{key}");
        };
        check("AWSLogs/1/CloudTrail/eu-west-1/2026/01/15/1_x_20260116.json.gz", Some("2026-01-15"));
        check("AWSLogs/1/vpcflowlogs/r/year=2026/month=01/day=15/hour=03/x.gz", Some("2026-01-15"));
        check("p/dnslogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", Some("2026-01-15"));
        check("backup/2020/01/01/logs/2026/01/15/x", Some("2026-01-15"));
        for key in ["x", "2026/01/15", "2026/13/15/x", "a/2026-01-15", "2026/1/15/x", "12026/01/15/x", "éé26-01-15/x"]
        {
            check(key, None);
        }
    }

    #[test]
    fn a_name_decides_by_whole_days_and_where_there_is_none_the_time_of_storing() {
        let range = range("2026-01-15T12:00:00Z", "2026-01-17T00:00:00Z");
        let late = modified("2026-03-01T00:00:00Z");
        for (key, expected) in [("a/2026/01/14/x", false), ("a/2026/01/15/x", true), ("a/2026/01/16/x", true)] {
            assert_eq!(range.day(key, late).is_some(), expected, "{key}");
        }
        assert_eq!(range.day("a/2026/01/17/x", late), None, "the end is not in it");
        assert_eq!(range.day("x", modified("2026-01-15T11:59:59Z")), None);
        assert!(range.day("x", modified("2026-01-15T12:00:00Z")).is_some());
        assert_eq!(range.day("x", modified("2026-01-17T00:00:00Z")), None);
        assert!(range.day("x", None).is_some(), "what nobody knows is not left out");
        let by_time = Range { by_name: false, ..range };
        assert_eq!(by_time.day("a/2026/01/15/x", late), None);
        assert_eq!(by_time.skip("a/2020/01/15/x"), None);
    }

    /// Whatever is behind the key that is skipped to is still listed, and nothing of the range is in between.
    #[test]
    fn folders_out_of_the_range_are_passed_over_as_a_whole() {
        let range = range("2026-02-10T00:00:00Z", "2026-04-21T00:00:00Z");
        let check = |key: &str, expected: Option<&str>| {
            assert_eq!(range.skip(key), expected.map(|folder| format!("{folder}/{LAST}")), "{key}");
        };
        check("a/2025/12/31/x", Some("a/2025"));
        check("a/2026/01/31/x", Some("a/2026/01"));
        check("a/2026/02/09/x", Some("a/2026/02/09"));
        check("a/2026/02/10/x", None);
        check("a/2026/04/20/x", None);
        check("a/2026/04/21/x", Some("a/2026/04/21"));
        check("a/2026/05/01/x", Some("a/2026/05"));
        check("a/2027/02/10/x", Some("a/2027"));
        check("a/2025-12-31/x", Some("a/2025-12-31"));
        check("a/x", None);
        assert!("a/2025/12/31/x" < &*range.skip("a/2025/01/01/x").unwrap());
        assert!("a/20250" > &*range.skip("a/2025/01/01/x").unwrap());
    }
}
