//! The machine's disk is full, or its clock jumps.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use quittance_tests::tools;
use serde::Deserialize;

use super::Class;
use crate::{
    aws::AwsOrder,
    load::{CALLS, Source},
    round::{Outcome, Round, pick},
};

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "disk-full-state",
        what: "the disk of the state has no room for a while: no mark, checkpoint or id can be written",
        can: Disk::can,
        prepare: small_disk,
        strike: disk_full_state,
        ..Class::USUAL
    },
    Class {
        name: "disk-full-quarantine",
        what: "the disk has no room while something must go into the quarantine",
        // A range of time with such an event is asked for again only after a minute.
        among: &[Source::Objects, Source::Queue],
        needs: &[Source::Objects, Source::Queue],
        can: Disk::can,
        prepare: |round| {
            round.keys.push((Source::Queue, "max_event_bytes: 2000".to_owned()));
            small_disk(round)
        },
        strike: disk_full_quarantine,
        after: all_set_aside,
        ..Class::USUAL
    },
    Class {
        name: "clock-jump",
        what: "the machine's clock jumps by seconds or hours, forward and back",
        can: || faketime().is_some(),
        prepare: prepare_clock,
        strike: clock_jump,
        ..Class::USUAL
    },
];

/// A small disk of its own in a folder, in memory. Unmounted when it is dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    fn can() -> bool {
        rustix::process::geteuid().is_root()
            && tempfile::tempdir().is_ok_and(|folder| Disk::new(folder.path().join("disk")).is_ok())
    }

    fn new(folder: PathBuf) -> Result<Disk> {
        fs::create_dir_all(&folder)?;
        mount(Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "none"]).arg(&folder))?;
        Ok(Disk(folder))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all the room that is left.
    fn fill(&self) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filler())?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("cannot make room on the disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = mount(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

fn mount(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn small_disk(round: &mut Round) -> Result<()> {
    round.disk = Some(Disk::new(round.place.folder().join("state"))?);
    Ok(())
}

fn disk_full_state(round: &mut Round) -> Result<()> {
    round.until("the state is there", |round| round.place.folder().join("state/quittance.sqlite").exists())?;
    for _ in 0..round.rng.usize(1..3) {
        round.some_arrived()?;
        full(round)?;
        round.put_more()?;
        round.pause_between(100, 1500)?;
        room(round)?;
    }
    // What could not be written down may come again after a kill.
    if round.rng.bool() {
        round.kill_collector()?;
        round.hold_ends()?;
        round.start_collector()?;
    }
    round.cleared()
}

fn disk_full_quarantine(round: &mut Round) -> Result<()> {
    round.some_arrived()?;
    full(round)?;
    for _ in 0..round.rng.usize(1..4) {
        // Of no known shape, and an event that is too long.
        let nobody = format!("nobody's, {}", round.rng.u64(..));
        let long = format!(
            r#"{{"timestamp":"2026-01-15T12:00:00.00Z","type":"user","event":"user_added","text":"{:0>3000}"}}"#,
            round.rng.u64(..)
        );
        let queue = Source::Objects.queue().unwrap_or_default().to_owned();
        round.aws(&AwsOrder::Send { queue, bodies: vec![nobody] })?;
        round.unfit += 1;
        if round.rng.bool() {
            round.aws(&AwsOrder::Send { queue: CALLS.to_owned(), bodies: vec![long] })?;
            round.unfit += 1;
        }
    }
    round.put_more()?;
    round.pause_between(200, 1200)?;
    room(round)?;
    // They are hidden for longer each time, which nobody can wait for here. Whose handle is outdated in the very moment of its
    // delete comes again, as if for the first time.
    round.explain_what_is_held()?;
    round.hold_ends()?;
    round.cleared()
}

fn full(round: &Round) -> Result<()> {
    round.disk.as_ref().context("there is no disk")?.fill()
}

fn room(round: &Round) -> Result<()> {
    round.disk.as_ref().context("there is no disk")?.make_room()
}

/// What can never be delivered is in the quarantine, all of it and each once.
fn all_set_aside(round: &mut Round, outcome: &mut Outcome) -> Result<()> {
    #[derive(Deserialize)]
    struct Listed {
        items: Vec<serde::de::IgnoredAny>,
    }

    round.stop_collector()?;
    let config = round.place.folder().join("config/config.yaml");
    let listed = list(&config)?;
    let Listed { items } = serde_json::from_slice(&listed)?;
    outcome.quarantined = items.len() as u64;
    outcome.missing += round.unfit.saturating_sub(outcome.quarantined);
    ensure!(outcome.quarantined == round.unfit, "{} of {} are in the quarantine", outcome.quarantined, round.unfit);
    Ok(())
}

fn list(config: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new(tools::binary()?);
    let output = command.args(["quarantine", "list", "--json", "--config"]).arg(config).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Debian's libfaketime, for programs of several threads.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}

fn prepare_clock(round: &mut Round) -> Result<()> {
    let library = faketime().context("there is no libfaketime")?;
    set_clock(round, "+0")?;
    let file = clock_file(round).display().to_string();
    round.environment = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    Ok(())
}

fn clock_jump(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..4) {
        round.some_arrived()?;
        let offset = *pick(&mut round.rng, &["+3", "-40", "+600", "-600", "+2h", "-2h", "+7h", "-7h"]);
        set_clock(round, offset)?;
        round.put_more()?;
        round.pause_between(100, 1200)?;
        set_clock(round, "+0")?;
    }
    round.cleared()
}

fn clock_file(round: &Round) -> PathBuf {
    round.place.folder().join("clock")
}

/// Whoever reads it meanwhile sees the one or the other.
fn set_clock(round: &Round, offset: &str) -> Result<()> {
    let file = clock_file(round);
    let new = file.with_extension("new");
    fs::write(&new, format!("{offset}\n"))?;
    fs::rename(new, file).context("cannot set the clock")
}
