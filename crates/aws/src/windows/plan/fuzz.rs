//! A checkpoint that holds anything: nothing is asked for that cannot be, and what is asked moves it only forward.

use std::time::Duration;

use quittance_fuzz::{fuzz, random};

use super::{Checkpoint, Plan, Step};
use crate::windows::{Cadence, Sweep};

const NOW: i64 = 1_800_000_000_000;

#[test]
fn stored_checkpoints() {
    let seeds = [
        r#"{"floor":1799990000000,"frontier":1799999000000,"swept":[1799998000000]}"#,
        r#"{"floor":0,"frontier":0,"swept":[]}"#,
        r#"{"floor":1800000999999,"frontier":1800001000000,"swept":[1800000500000,5]}"#,
        r#"{"floor":-9223372036854775808,"frontier":9223372036854775807,"swept":[-1,9223372036854775807]}"#,
    ];
    fuzz("stored_checkpoints", seeds, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(checkpoint) = Checkpoint::read(text) else { return };
        let hour = Duration::from_secs(3600);
        let cadence = Cadence {
            period: Duration::from_secs(60),
            grain: Duration::from_secs(1),
            delay: Duration::from_secs(5),
            overlap: Duration::from_secs(900),
            sweeps: vec![Sweep { lateness: 3 * hour, every: hour }],
            longest: hour,
            most_pages: Some(100),
            horizon: Some(24 * 90 * hour),
            advice: "",
        };
        let mut plan = Plan::new(cadence, checkpoint, NOW);
        let mut random = random(input);
        let mut now = NOW;
        for _ in 0..50 {
            plan.follow_clock_back(now, None);
            plan.skip_beyond_horizon(now);
            let needed = plan.needs_from();
            assert!(plan.lag(now) >= 0 && needed <= now, "{needed}");
            let before = plan.checkpoint().clone();
            match plan.next(now) {
                Step::Ask(number, window) => {
                    assert!(window.from < window.to, "{window:?}");
                    assert!(window.to <= now + 60_000, "{window:?} at {now}");
                    plan.asking(number);
                    match random.u32(0..4) {
                        0 => plan.failed(number, now + 1000),
                        1 => _ = plan.split(number),
                        _ => plan.read(number, false, now),
                    }
                    let after = plan.checkpoint();
                    assert!(
                        before.frontier <= after.frontier && before.floor <= after.floor,
                        "{before:?}, then {after:?}"
                    );
                }
                Step::Wait(until) => now = now.max(until.min(now + 3_600_000)),
            }
            now += 1000;
        }
    });
}
