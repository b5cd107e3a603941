//! `start_time`: the first moment to collect.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{Account, PlanError};

/// The first moment to collect, in milliseconds since the epoch: `2026-01-01T00:00:00.000Z`, with another offset, or
/// without one, which means UTC; or a day alone. It is not later than now, by the clock of `account`.
pub fn past_start_time(text: Option<&str>, account: &Account) -> Result<Option<i64>, PlanError> {
    let first = start_time(text)?;
    let now = Timestamp::try_from(account.clock().wall()).unwrap_or_default();
    if first.is_some_and(|first| first > now.as_millisecond()) {
        let text = text.unwrap_or_default().trim();
        let problem = format!("`{text}` is in the future: expected a time until now, which is {now:.0}");
        return Err(PlanError::new("start_time", problem));
    }
    Ok(first)
}

/// The same, where it may be later than now.
pub fn start_time(text: Option<&str>) -> Result<Option<i64>, PlanError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let in_utc = || Some(text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let parsed = text.parse::<Timestamp>().ok().or_else(in_utc);
    let problem = || format!("`{}` is no time: expected one as in `2026-01-01T00:00:00Z`", text.escape_debug());
    parsed.map(|at| Some(at.as_millisecond())).ok_or_else(|| PlanError::new("start_time", problem()))
}

#[cfg(test)]
mod tests {
    use super::start_time;

    #[test]
    fn a_time_is_read_as_users_write_it() {
        let at = |text| start_time(Some(text)).unwrap();
        let expected = Some(1_767_225_600_000);
        for text in [
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00Z",
            "2026-01-01T02:00:00+02:00",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00",
            "2026-01-01",
            " 2026-01-01 ",
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
        assert_eq!(start_time(None).unwrap(), None);
        assert_eq!(start_time(Some("")).unwrap(), None);
        for wrong in ["yesterday", "2026-13-01", "01/02/2026", "1767225600"] {
            assert!(start_time(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
