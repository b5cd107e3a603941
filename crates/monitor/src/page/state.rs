//! What a unit's signs of life come to, for people.

use quittance_core::{Severity, Stage, UnitView};

use crate::format::span;

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Mood {
    Bad,
    Warns,
    Waits,
    Well,
}

impl Mood {
    /// What stands beside the colour.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Mood::Bad => "✕",
            Mood::Warns => "!",
            Mood::Waits => "…",
            Mood::Well => "✓",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Mood::Bad => "bad",
            Mood::Warns => "warns",
            Mood::Waits => "waits",
            Mood::Well => "well",
        }
    }
}

/// A problem and what to do about it.
pub(super) struct Trouble {
    pub(super) mood: Mood,
    pub(super) code: Option<String>,
    pub(super) problem: String,
    pub(super) fix: String,
}

/// What is wrong with a unit, the worst first.
pub(super) fn troubles(view: &UnitView) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = view
        .findings
        .iter()
        .map(|finding| Trouble {
            mood: if finding.severity == Severity::Error { Mood::Bad } else { Mood::Warns },
            code: Some(finding.code.to_string()),
            problem: finding.problem.clone(),
            fix: finding.fix.clone().into_owned(),
        })
        .collect();
    // What its setup found says it better.
    let is_told = troubles.iter().any(|trouble| trouble.mood == Mood::Bad);
    if let Some(failed) = view.failed.as_ref().filter(|_| !is_told) {
        let (code, fix) = (Some(failed.code.to_string()), failed.code.solution.to_owned());
        troubles.push(Trouble { mood: Mood::Bad, code, problem: failed.error.clone(), fix });
    }
    if let Some((stage, stands)) = view.health.stalled {
        let problem = format!("does not get on for {}: {}", span(stands), waits_for(stage));
        troubles.push(Trouble { mood: Mood::Bad, code: None, problem, fix: fix(stage).to_owned() });
    }
    troubles.sort_by_key(|trouble| trouble.mood);
    troubles
}

/// How a unit is, in a word or two.
pub(super) fn state(view: &UnitView, troubles: &[Trouble]) -> (Mood, &'static str) {
    match troubles.first().map(|trouble| trouble.mood) {
        Some(Mood::Bad) if view.health.stalled.is_some() => (Mood::Bad, "stands still"),
        Some(Mood::Bad) => (Mood::Bad, "fails"),
        _ if !view.pulls => (Mood::Waits, view.phase),
        Some(_) => (Mood::Warns, "works, with a warning"),
        None => (Mood::Well, "works"),
    }
}

fn waits_for(stage: Stage) -> &'static str {
    match stage {
        Stage::Destination => "an output does not confirm",
        Stage::Setup => "the proof of its permissions does not come to an end",
        Stage::Retry => "it has failed, and waits for its next try",
        Stage::State => "what must be written down cannot be",
        Stage::Room => "events wait for room in memory",
        Stage::Delivery => "no receipt comes back for what is on its way",
        Stage::Source => "the source does not answer, or does not give what it announced",
    }
}

fn fix(stage: Stage) -> &'static str {
    match stage {
        Stage::Destination | Stage::Delivery => "Look at the outputs, and at the network between here and there.",
        Stage::Setup | Stage::Retry | Stage::Source => "Look at the problems below, and at what AWS allows.",
        Stage::State => "Look at the disk of the state, and whether the quarantine is full.",
        Stage::Room => "Look at the other units: they hold the memory.",
    }
}
