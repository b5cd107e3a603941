//! What is wrong with a configuration, and where.

use std::{
    fmt::{self, Write},
    path::Path,
};

use quittance_core::{Code, Severity};

use super::{Documents, KeyPath, Position};
use crate::codes;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub at: Position,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub code: &'static Code,
    /// The key concerned.
    pub path: KeyPath,
    /// What is wrong, and what is expected. Never a secret.
    pub message: String,
    /// What to do, or an example; may be empty.
    pub hint: String,
}

impl Problem {
    /// Something that keeps the configuration from being used.
    pub(crate) fn error(at: Position, path: &KeyPath, message: impl Into<String>) -> Self {
        let (severity, code, hint) = (Severity::Error, &codes::VALUE, String::new());
        Problem { at, severity, code, path: path.clone(), message: message.into(), hint }
    }

    /// Something that is ignored, or will hurt later.
    pub(crate) fn warning(at: Position, path: &KeyPath, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Warning, code: &codes::DOUBTFUL, ..Problem::error(at, path, message) }
    }

    /// The same as another kind of problem.
    pub(crate) fn coded(self, code: &'static Code) -> Self {
        Problem { code, ..self }
    }

    /// The same with something to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Problem { hint: hint.into(), ..self }
    }

    /// Whether the configuration cannot be used with it.
    pub fn is_error(&self) -> bool {
        self.severity != Severity::Warning
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error() { "error" } else { "warning" };
        write!(f, "{}:{}: {severity}: ", self.at.line, self.at.column)?;
        let path = self.path.to_string();
        if !path.is_empty() {
            write!(f, "{}: ", OneLine(&path))?;
        }
        write!(f, "{}", OneLine(&self.message))?;
        if !self.hint.is_empty() {
            write!(f, " ({})", OneLine(&self.hint))?;
        }
        write!(f, " [{}]", self.code)
    }
}

/// Text that stays on its line and that no terminal obeys: it may hold names that AWS or a file gave.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() || turns(c) => write!(f, "{}", c.escape_debug()),
            c => f.write_char(c),
        })
    }
}

/// Everything that is wrong with a configuration, in the order of its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    /// Where it stands.
    pub documents: Documents,
    /// All of them.
    pub all: Vec<Problem>,
}

impl Problems {
    /// Brings `all` into the order of their lines; a problem said twice is said once.
    pub(crate) fn new(documents: Documents, mut all: Vec<Problem>) -> Self {
        all.sort_by(|a, b| (a.at, b.severity, &a.path).cmp(&(b.at, a.severity, &b.path)));
        all.dedup();
        Problems { documents, all }
    }

    /// The file that a problem is in.
    pub fn file(&self, problem: &Problem) -> &Path {
        self.documents.file(problem.at.document)
    }

    /// How many keep the configuration from being used.
    pub fn errors(&self) -> usize {
        self.all.iter().filter(|problem| problem.is_error()).count()
    }

    /// How many do not.
    pub fn warnings(&self) -> usize {
        self.all.len() - self.errors()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.all.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{problem}", self.file(problem).display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
