//! What the kernel says of this process; on other systems than Linux, nothing.

use std::fs;

/// Ticks in a second, in what the kernel tells programs: the same on every machine that we build for.
const TICKS: f64 = 100.0;

/// A page of memory, on the same machines.
const PAGE: f64 = 4096.0;

/// What is known of it.
#[derive(Default, Debug)]
pub(crate) struct Process {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<f64>,
    pub(crate) virtual_bytes: Option<f64>,
    pub(crate) open_fds: Option<f64>,
    pub(crate) max_fds: Option<f64>,
    pub(crate) start_seconds: Option<f64>,
}

impl Process {
    pub(crate) fn read() -> Process {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let max_fds = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
        Process {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS),
            virtual_bytes: field(23),
            resident_bytes: field(24).map(|pages| pages * PAGE),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as f64),
            max_fds,
            start_seconds: boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS),
        }
    }
}
