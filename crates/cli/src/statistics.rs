//! What Devo's administrators look for in a log every five minutes: the memory of the process, and what each unit pulled.

use std::{collections::BTreeMap, convert::Infallible, fs, time::Duration};

use quittance_core::{Clock, Counts, Ledger, UnitId};
use tracing::info;

/// How often.
const PERIOD: Duration = Duration::from_secs(300);

/// Logs until it is dropped.
pub(crate) async fn log(ledger: &Ledger, clock: &dyn Clock) -> Infallible {
    let mut before = BTreeMap::new();
    loop {
        clock.sleep(PERIOD).await;
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        if let Some(line) = memory(&read("/proc/meminfo"), &read("/proc/self/status")) {
            info!("{line}");
        }
        for (unit, line) in pulled(ledger, &mut before) {
            info!(%unit, "{line}");
        }
    }
}

/// Of the kernel's two files; nothing on systems that have none.
fn memory(machine: &str, process: &str) -> Option<String> {
    let kib = |text: &str, key: &str| -> Option<f64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let (total, available) = (kib(machine, "MemTotal")?, kib(machine, "MemAvailable")?);
    let (resident, virtual_) = (kib(process, "VmRSS")?, kib(process, "VmSize")?);
    Some(format!(
        "Memory -> global: {:.1}%, process: RSS({:.2}MiB), VMS({:.2}MiB)",
        (1.0 - available / total) * 100.0,
        resident / 1024.0,
        virtual_ / 1024.0,
    ))
}

/// What each unit pulled since `before`, which then is now; of those that pulled nothing, nothing.
fn pulled(ledger: &Ledger, before: &mut BTreeMap<UnitId, Counts>) -> Vec<(UnitId, String)> {
    let mut lines = Vec::new();
    for (unit, account) in ledger.units() {
        let now = account.total();
        let old = before.insert(unit.clone(), now).unwrap_or_default();
        let events = now.pulled - old.pulled;
        if events > 0 || now.delivered() > old.delivered() {
            let line = format!(
                "Statistics for the last {} seconds: Number of events received: {events}; Number of events filtered out: {}; \
                 Number of events delivered: {}; Average of events per second: {:.1}",
                PERIOD.as_secs(),
                now.filtered - old.filtered,
                now.delivered() - old.delivered(),
                events as f64 / PERIOD.as_secs_f64(),
            );
            lines.push((unit, line));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use quittance_core::Tag;

    use super::*;

    #[test]
    fn memory_is_told_in_the_words_that_are_looked_for() {
        let machine = "MemTotal:       8000000 kB\nMemFree: 1 kB\nMemAvailable:   6000000 kB\n";
        let process = "Name:\tquittance\nVmSize:\t  512000 kB\nVmRSS:\t   35328 kB\n";
        let line = "Memory -> global: 25.0%, process: RSS(34.50MiB), VMS(500.00MiB)";
        assert_eq!(memory(machine, process).as_deref(), Some(line));
        assert_eq!(memory("", ""), None);
    }

    #[test]
    fn what_a_unit_pulled_is_told_of_each_period_and_nothing_of_one_that_rests() {
        let (ledger, mut before) = (Ledger::default(), BTreeMap::new());
        let (busy, rests) = (UnitId::new(&["aws", "busy"]), UnitId::new(&["aws", "rests"]));
        let tag = Tag::new("my.app.a.b").expect("a tag");
        ledger.unit(&rests);
        ledger.unit(&busy).filtered(&tag, 600);
        let line = |events: u64, rate: &str| {
            format!(
                "Statistics for the last 300 seconds: Number of events received: {events}; Number of events filtered out: \
                 {events}; Number of events delivered: 0; Average of events per second: {rate}"
            )
        };
        assert_eq!(pulled(&ledger, &mut before), [(busy.clone(), line(600, "2.0"))]);
        ledger.unit(&busy).filtered(&tag, 30);
        assert_eq!(pulled(&ledger, &mut before), [(busy, line(30, "0.1"))]);
        assert_eq!(pulled(&ledger, &mut before), []);
    }
}
