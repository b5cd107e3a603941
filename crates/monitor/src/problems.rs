//! What went wrong lately: the last warnings and errors of the log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// How many different ones are kept.
const KEPT: usize = 100;

/// The longest text of one that is kept, in characters.
const LONGEST: usize = 600;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// A line of the log; the same one again is counted, and not kept twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// What kind it is, if it has a code.
    pub code: Option<String>,
    /// Whose it is, if it is a unit's.
    pub unit: Option<String>,
    /// What the line says.
    pub text: String,
    /// When it was said last.
    pub last: SystemTime,
    /// How often it was said.
    pub times: u64,
}

/// The last problems. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub struct Problems(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    last: VecDeque<Problem>,
    warnings: u64,
    errors: u64,
}

impl Problems {
    /// Takes note of one.
    pub fn note(&self, mut problem: Problem) {
        if let Some((end, _)) = problem.text.char_indices().nth(LONGEST) {
            problem.text.truncate(end);
            problem.text.push('…');
        }
        let mut kept = self.kept();
        match problem.level {
            Level::Warning => kept.warnings += 1,
            Level::Error => kept.errors += 1,
        }
        let same = |other: &Problem| {
            (other.level, &other.code, &other.unit, &other.text)
                == (problem.level, &problem.code, &problem.unit, &problem.text)
        };
        if let Some(at) = kept.last.iter().position(same)
            && let Some(known) = kept.last.remove(at)
        {
            problem.times += known.times;
        }
        kept.last.push_front(problem);
        kept.last.truncate(KEPT);
    }

    /// The last ones, the newest first.
    pub fn last(&self) -> Vec<Problem> {
        self.kept().last.iter().cloned().collect()
    }

    /// How many warnings, and how many errors, there were in all.
    pub fn totals(&self) -> (u64, u64) {
        let kept = self.kept();
        (kept.warnings, kept.errors)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
