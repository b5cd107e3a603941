//! The files that make a configuration: one, or two where a Collector Server would supply the rest.

use std::path::{Path, PathBuf};

use super::{
    Document, KeyPath, Problem,
    tree::{Node, Value},
};

/// Where a configuration stands.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Documents {
    /// The configuration itself.
    pub config: PathBuf,
    /// What completes it.
    pub server: Option<PathBuf>,
}

impl<P: AsRef<Path>> From<P> for Documents {
    fn from(config: P) -> Self {
        Documents { config: config.as_ref().to_owned(), server: None }
    }
}

impl Documents {
    /// The file of one of them.
    pub fn file(&self, document: Document) -> &Path {
        match (document, &self.server) {
            (Document::Server, Some(server)) => server,
            _ => &self.config,
        }
    }

    /// The file beside which certificates and state are: whoever supplies the outputs has them.
    pub(crate) fn outermost(&self) -> &Path {
        self.server.as_ref().unwrap_or(&self.config)
    }

    /// The folder in which a document stands.
    pub(crate) fn folder(&self, document: Document) -> &Path {
        self.file(document).parent().unwrap_or(Path::new(""))
    }

    /// The keys of both. What both say is told in `problems`.
    pub(crate) fn joined(&self, mut config: Node, server: Node, problems: &mut Vec<Problem>) -> Node {
        let (Value::Map(entries), Value::Map(more)) = (&mut config.value, server.value) else { return config };
        for entry in more {
            match entries.iter().find(|own| own.key == entry.key) {
                None => entries.push(entry),
                Some(own) => {
                    let message = format!("stands in `{}` as well", self.file(Document::Server).display());
                    let problem = Problem::error(own.key_at, &KeyPath::of(&[&own.key]), message);
                    problems.push(problem.with_hint("each section stands in one of the two files"));
                }
            }
        }
        config
    }
}

/// Says of a configuration without these sections how they are given.
pub(crate) fn advise(absent: &[&str], problems: &mut [Problem]) {
    for problem in problems {
        if absent.iter().any(|key| problem.path == KeyPath::of(&[key])) {
            problem.hint = "a document of Devo's Collector Server has none: `--server FILE` names the file that has \
                            `globals` and `outputs`"
                .to_owned();
        }
    }
}
