//! What a state holds, for people.

use std::{collections::BTreeMap, path::Path};

use rusqlite::Connection;

use crate::{
    StateError,
    file::{Held, open_error},
};

/// The version that brought remembered events.
const REMEMBERED: i64 = 2;

/// Everything that a state holds, by the address of whose it is: a unit, or the outputs.
pub type Contents = BTreeMap<String, Holding>;

/// What is held for one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holding {
    /// Records by kind ([`quittance_core::Record::name`]), and by key.
    pub records: BTreeMap<String, BTreeMap<String, String>>,
    /// Events that are remembered, by cursor.
    pub remembered: BTreeMap<String, Remembered>,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Their bytes.
    pub quarantined_bytes: u64,
}

/// Events of one cursor that are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// How many.
    pub ids: u64,
    /// In how many hours.
    pub hours: u64,
    /// The oldest of these, counted from the epoch.
    pub oldest: i64,
    /// The newest.
    pub newest: i64,
}

/// Reads what the state in `folder` holds; none if there is no state. Nothing is written, and who has the right to write
/// keeps it; but a state that a collector holds cannot be read.
pub fn look(folder: &Path) -> Result<Option<Contents>, StateError> {
    let Some(Held { connection, path, version }) = Held::existing(folder)? else { return Ok(None) };
    read(&connection, version).map(Some).map_err(|source| open_error(&path, source))
}

fn read(connection: &Connection, version: i64) -> rusqlite::Result<Contents> {
    let mut contents = Contents::new();
    let mut statement = connection.prepare("SELECT scope, kind, key, value FROM record")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let holding = contents.entry(row.get(0)?).or_default();
        holding.records.entry(row.get(1)?).or_default().insert(row.get(2)?, row.get(3)?);
    }
    if version >= REMEMBERED {
        let mut statement = connection.prepare(
            "SELECT scope, cursor, sum(length(ids)) / 16, count(DISTINCT hour), min(hour), max(hour)
             FROM remembered GROUP BY scope, cursor",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let remembered =
                Remembered { ids: count(row, 2)?, hours: count(row, 3)?, oldest: row.get(4)?, newest: row.get(5)? };
            contents.entry(row.get(0)?).or_default().remembered.insert(row.get(1)?, remembered);
        }
    }
    let mut statement =
        connection.prepare("SELECT unit, count(*), sum(length(bytes)) FROM quarantine GROUP BY unit")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let holding = contents.entry(row.get(0)?).or_default();
        (holding.quarantined, holding.quarantined_bytes) = (count(row, 1)?, count(row, 2)?);
    }
    Ok(contents)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}
