//! Planted bugs, and how many seeds the simulation takes to find each.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Result, bail};
use clap::Args;
use quittance_core::{Clock, SystemClock, plant};

use super::{in_parallel, one, run::Report};

/// Every planted bug, and what it does.
pub(crate) const ALL: [(&str, &str); 55] = [
    ("settled-on-drop", "a receipt that is dropped counts as a delivery"),
    ("receipt-of-one-output-counts-for-all", "one output's receipt settles all outputs"),
    ("return-not-told", "the engine does not hear of what came back"),
    ("batch-for-the-first-output-alone", "a batch is handed to the first output only"),
    ("ledger-counts-one-more", "the ledger counts one event too many as under way"),
    ("settled-when-written", "a batch is settled when it is written"),
    ("settled-on-reset", "a broken connection settles what it carried"),
    ("settled-in-doubt", "a batch taken while the destination is in doubt counts as delivered"),
    ("reset-counts-as-end", "a reset during an end counts as the receiver's end"),
    ("acknowledged-counts-as-end", "acknowledged bytes count as the receiver's end"),
    ("timeout-counts-as-end", "an end that never comes counts as one"),
    ("table-of-the-first-event", "every event of a batch gets the first one's table"),
    ("escaped-newline-dropped", "an escaped newline is left out"),
    ("frame-split-at-newline", "an event with a newline is sent without its length"),
    ("deleted-before-receipt", "a message is deleted when its events are emitted"),
    ("deleted-after-first-object", "a message is deleted after its first object"),
    ("first-record-alone", "of a message of several records only the first is read"),
    ("owed-range-off-by-one", "what came back is given again without its first event"),
    ("owed-to-the-first-output", "what one output lacks is given to the first again"),
    ("old-handle-kept", "a message that comes again keeps its outdated handle"),
    ("turn-not-kept", "messages of a group are deleted out of turn"),
    ("stop-deletes-all", "a stop deletes what was not begun"),
    ("failed-delete-forgotten", "a delete that failed is not made again"),
    ("poison-deleted", "what can never be processed is deleted despite a redrive policy"),
    ("quarantine-believed-unwritten", "a message is deleted although it could not be set aside"),
    ("missing-given-up-at-once", "an object that is not there yet is given up"),
    ("broken-pass-taken-for-whole", "an object whose reading broke counts as read"),
    ("overwritten-unnoticed", "an object is read on although it is another by now"),
    ("gzip-cut-accepted", "a gzip that is cut short counts as whole"),
    ("too-long-forgotten", "an event too long counts as dealt with although it could not be set aside"),
    ("listing-skips-the-first", "a page of a listing is read from its second object on"),
    ("checkpoint-early", "a checkpoint moves before the receipts are back"),
    ("owed-range-not-asked", "a range of which something came back is not asked again"),
    ("poll-skips-its-end", "a poll asks for its last second alone"),
    ("id-remembered-at-emit", "an event counts as delivered when it is emitted"),
    ("returned-event-taken-for-seen", "an event that came back counts as delivered"),
    ("remembered-ids-not-read", "after a restart nobody knows what was delivered"),
    ("new-group-from-its-listing-on", "a new log group is read from the moment it is found"),
    ("last-page-forgotten", "only the first page of a window is read"),
    ("limiter-ignored", "an API is asked as fast as one can"),
    ("mark-too-far", "a progress mark takes what is on its way for delivered"),
    ("receipt-narrows-all-that-follows", "in progress marks, a receipt counts for all that follows it too"),
    ("heartbeat-forgotten", "messages that are held are not hidden anew"),
    ("lapsed-while-read-is-dropped", "a message whose time ran out is given up though it is being read"),
    ("late-stop-deletes", "a stop that waits no longer deletes what it holds"),
    ("crossed-end-believed", "a receiver's end that was there before ours counts as the answer to it"),
    ("refused-is-poison", "an object that may not be read counts as one that never can be"),
    ("resumed-one-byte-late", "a transfer that broke goes on one byte too far"),
    ("broken-pass-skips-an-event", "what follows a reading that broke begins one event too late"),
    ("listing-remembers-all-under-way", "with an object of a listing, all others under way are remembered"),
    ("stop-does-not-save", "a stop does not write down what was delivered"),
    ("sweep-skips-its-beginning", "a sweep does not reach back by what its API may be late"),
    ("split-loses-the-middle", "a window that is cut in two loses half a minute between them"),
    ("group-passes-what-stays", "a message that cannot be set aside lets the later ones of its group pass"),
    ("expired-credentials-kept", "credentials that were refused are used on"),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Plants this bug, and runs seeds until it is found.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Lists the planted bugs, one a line.
    #[arg(long)]
    list_mutants: bool,
    /// Plants one bug after the other, and prints the table of how each was found.
    #[arg(long)]
    mutants: bool,
}

/// How a planted bug was found.
struct Found {
    seeds: u64,
    rules: Vec<&'static str>,
}

/// Does what the options ask for, if they ask for something.
pub(in crate::simulate) fn run(options: &Options, seed: u64, seeds: u64) -> Result<Option<ExitCode>> {
    if options.list_mutants {
        ALL.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(Some(ExitCode::SUCCESS));
    }
    let wanted: Vec<_> = match &options.mutant {
        Some(wanted) => ALL.into_iter().filter(|(name, _)| name == wanted).collect(),
        None if options.mutants => ALL.to_vec(),
        None => return Ok(None),
    };
    if wanted.is_empty() {
        bail!("no planted bug has this name: `--list-mutants` lists them");
    }
    let began = SystemClock.now();
    // One seed tells nothing of a bug that needs some circumstance.
    let most = if seeds == 1 { 400 } else { seeds };
    println!("{:<38} {:>5}  found by", "planted bug", "seeds");
    let mut survivors = BTreeSet::new();
    let found = in_parallel(wanted, |(name, _)| {
        let found = find(name, seed, most);
        if let Ok(found) = &found {
            match found {
                Some(Found { seeds, rules }) => println!("{name:<38} {seeds:>5}  {}", rules.join(", ")),
                None => println!("{name:<38} {most:>5}  SURVIVED"),
            }
        }
        found
    });
    let total = found.len();
    for ((name, _), found) in found {
        if found?.is_none() {
            survivors.insert(name);
        }
    }
    println!("{} of {total} found in {:.1?}", total - survivors.len(), began.elapsed());
    for name in &survivors {
        println!("survived: {name}");
    }
    Ok(Some(ExitCode::from(u8::from(!survivors.is_empty()))))
}

/// Runs seeds until one of them finds the bug.
fn find(name: &'static str, seed: u64, most: u64) -> Result<Option<Found>> {
    plant(Some(name));
    let mut found = None;
    for (seeds, seed) in (1..=most).zip(seed..) {
        let Report { broken, .. } = one(seed)?;
        if !broken.is_empty() {
            found = Some(Found { seeds, rules: broken.keys().map(|rule| rule.name()).collect() });
            break;
        }
    }
    plant(None);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Adds the names of the bugs that are planted in the sources below `folder`.
    fn names(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let planted = text.split("planted(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
                found.extend(
                    planted.map(|(name, _)| name.to_owned()).filter(|name| !name.contains(char::is_whitespace)),
                );
            }
        }
    }

    #[test]
    fn every_planted_bug_is_listed_and_every_listed_one_is_planted() {
        let mut planted = BTreeSet::new();
        for krate in ["core", "devo", "aws"] {
            names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src"), &mut planted);
        }
        let listed: BTreeSet<_> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(planted, listed);
        assert_eq!(listed.len(), ALL.len());
    }
}
