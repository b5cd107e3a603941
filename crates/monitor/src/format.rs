//! Numbers and times, as people read them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// `12345` as `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate, with as many digits as say something.
pub(crate) fn rate(number: f64) -> String {
    match number {
        n if n >= 99.5 => count(n.round() as u64),
        n if n >= 9.95 => format!("{n:.0}"),
        n if n > 0.0 => format!("{n:.1}"),
        _ => "0".to_owned(),
    }
}

/// Bytes, in units of a thousand.
pub(crate) fn bytes(number: f64) -> String {
    let mut number = number;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if number < 999.5 {
            return if unit == "B" || number >= 99.5 {
                format!("{number:.0} {unit}")
            } else {
                format!("{number:.1} {unit}")
            };
        }
        number /= 1000.0;
    }
    format!("{number:.1} PB")
}

/// `95` seconds as `1 min 35 s`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) if seconds.is_multiple_of(60) => format!("{minutes} min"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A moment in UTC, to the second.
pub(crate) fn moment(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

/// Its time of the day.
pub(crate) fn clock(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| time.strftime("%H:%M:%S").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.04, 2.0, 42.4, 1234.4].map(rate), ["0", "0.0", "2.0", "42", "1,234"]);
        assert_eq!(
            [0.0, 999.0, 1000.0, 25e6, 123e6, 3e18].map(bytes),
            ["0 B", "999 B", "1.0 kB", "25.0 MB", "123 MB", "3000.0 PB"]
        );
        let spans = [5, 95, 7260, 90_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["5 s", "1 min 35 s", "2 h 1 min", "1 d 1 h"]);
    }
}
