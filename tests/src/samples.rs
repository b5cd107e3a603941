//! Real logs of AWS services, and how many events independent tools counted in each.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;

/// A file with logs.
pub struct Sample {
    /// Its path.
    pub path: PathBuf,
    /// Its name within its kind.
    pub name: String,
    /// The events in it.
    pub events: u64,
}

impl Sample {
    /// Its bytes as they are stored.
    pub fn stored(&self) -> Result<Vec<u8>> {
        fs::read(&self.path).with_context(|| format!("cannot read `{}`", self.path.display()))
    }

    /// Its content, inflated where it is compressed.
    pub fn content(&self) -> Result<Vec<u8>> {
        let stored = self.stored()?;
        if !stored.starts_with(&[0x1f, 0x8b]) {
            return Ok(stored);
        }
        let mut content = Vec::new();
        MultiGzDecoder::new(&*stored).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// The samples of one kind, as the table in `SOURCES.md` lists them.
pub fn of_kind(folder: &Path, kind: &str) -> Result<Vec<Sample>> {
    let sources = folder.join("SOURCES.md");
    let table = fs::read_to_string(&sources).with_context(|| format!("cannot read `{}`", sources.display()))?;
    let mut samples = Vec::new();
    for row in table.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if let ["", of, name, events, ..] = cells[..]
            && of == kind
        {
            let events = events.parse().with_context(|| format!("`{name}` has no count of events"))?;
            samples.push(Sample { path: folder.join(kind).join(name), name: name.to_owned(), events });
        }
    }
    ensure!(!samples.is_empty(), "`{}` lists no sample of kind `{kind}`", sources.display());
    Ok(samples)
}
