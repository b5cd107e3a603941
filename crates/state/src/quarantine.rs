//! The quarantine: what is in it, and what goes in and out.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use quittance_core::{Discarded, Quarantined, SetAside, StoreError, UnitId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::{
    Sqlite, StateError,
    file::{Held, open_error},
};

/// What an item counts beside its bytes.
pub const WEIGHT: u64 = 256;

/// The version that brought how items are given again.
const AGAIN: i64 = 3;

/// An item without its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aside {
    /// Its number, which no other item gets.
    pub id: i64,
    /// Whose it is.
    pub unit: String,
    /// Where it came from.
    pub address: String,
    /// Why it is here.
    pub reason: String,
    /// How many bytes of it are kept; with none, its address leads to it.
    pub bytes: u64,
    /// When it was set aside.
    pub at: SystemTime,
}

/// A quarantine that is looked at. Nothing is written, and while it lives, nobody else can open the state.
pub struct Asides(Option<Held>);

/// Looks at the quarantine in `folder`; it is empty if there is no state.
pub fn look_aside(folder: &Path) -> Result<Asides, StateError> {
    Held::existing(folder).map(Asides)
}

impl Asides {
    /// All items, the oldest first.
    pub fn list(&self) -> Result<Vec<Aside>, StateError> {
        let Some(Held { connection, path, .. }) = &self.0 else { return Ok(Vec::new()) };
        list(connection).map_err(|source| open_error(path, source))
    }

    /// One item with its content, if there is one of that number.
    pub fn item(&self, id: i64) -> Result<Option<Quarantined>, StateError> {
        let Some(Held { connection, path, version }) = &self.0 else { return Ok(None) };
        item(connection, id, *version >= AGAIN).map_err(|source| open_error(path, source))
    }
}

impl Sqlite {
    /// Everything in quarantine without its content, the oldest first.
    pub async fn quarantined(&self) -> Result<Vec<Aside>, StoreError> {
        self.run("listing the quarantine", |connection| list(connection)).await
    }

    /// One item with its content, if there is one of that number.
    pub async fn quarantined_item(&self, id: i64) -> Result<Option<Quarantined>, StoreError> {
        self.run("reading from the quarantine", move |connection| item(connection, id, true)).await
    }

    /// Discards items; their bytes are overwritten in the file. Numbers of none are passed over.
    pub async fn discard(&self, ids: Vec<i64>) -> Result<Discarded, StoreError> {
        let operation = "discarding from the quarantine";
        let fence = quittance_core::Store::fence(self);
        let discarded = self.write(operation, fence, move |transaction| {
            transaction.pragma_update(None, "secure_delete", true)?;
            let mut discarded = Discarded::default();
            let mut statement = transaction.prepare("DELETE FROM quarantine WHERE id = ? RETURNING length(bytes)")?;
            for id in ids {
                if let Some(bytes) = statement.query_row([id], |row| row.get::<_, i64>(0)).optional()? {
                    discarded.items += 1;
                    discarded.bytes += bytes.unsigned_abs();
                }
            }
            Ok(discarded)
        });
        discarded.await
    }
}

/// Puts an item in, unless it would be more than `most` bytes then. Whether it is in.
pub(crate) fn put(transaction: &Transaction<'_>, item: &Quarantined, most: u64) -> rusqlite::Result<bool> {
    let there = "SELECT EXISTS (SELECT 1 FROM quarantine WHERE unit = ? AND address = ?)";
    if transaction.prepare_cached(there)?.query_row(params![item.unit.as_str(), item.address], |row| row.get(0))? {
        return Ok(true);
    }
    let held: i64 = transaction
        .prepare_cached("SELECT coalesce(sum(length(bytes) + ?), 0) FROM quarantine")?
        .query_row(params![WEIGHT as i64], |row| row.get(0))?;
    if held.unsigned_abs() + item.bytes.len() as u64 + WEIGHT > most {
        return Ok(false);
    }
    let Quarantined { unit, address, reason, bytes, at, again } = item;
    transaction
        .prepare_cached("INSERT INTO quarantine (unit, address, reason, bytes, at, again) VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![unit.as_str(), address, reason, bytes, millis(*at), again])?;
    Ok(true)
}

pub(crate) fn discard_before(transaction: &Transaction<'_>, then: SystemTime) -> rusqlite::Result<Discarded> {
    transaction.pragma_update(None, "secure_delete", true)?;
    let mut discarded = Discarded::default();
    let mut statement = transaction.prepare("DELETE FROM quarantine WHERE at < ? RETURNING length(bytes)")?;
    let mut rows = statement.query([millis(then)])?;
    while let Some(row) = rows.next()? {
        discarded.items += 1;
        discarded.bytes += row.get::<_, i64>(0)?.unsigned_abs();
    }
    Ok(discarded)
}

pub(crate) fn count(connection: &Connection) -> rusqlite::Result<SetAside> {
    // The length of what is kept is known without reading it.
    let sql = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM quarantine";
    let counted = |row: &Row<'_>| {
        let [items, bytes] = [row.get::<_, i64>(0)?, row.get(1)?].map(i64::unsigned_abs);
        Ok(SetAside { items, bytes })
    };
    connection.prepare_cached(sql)?.query_row([], counted)
}

fn list(connection: &Connection) -> rusqlite::Result<Vec<Aside>> {
    let sql = "SELECT id, unit, address, reason, length(bytes), at FROM quarantine ORDER BY id";
    let aside = |row: &Row<'_>| {
        Ok(Aside {
            id: row.get(0)?,
            unit: row.get(1)?,
            address: row.get(2)?,
            reason: row.get(3)?,
            bytes: row.get::<_, i64>(4)?.unsigned_abs(),
            at: time(row.get(5)?),
        })
    };
    connection.prepare(sql)?.query_map([], aside)?.collect()
}

fn item(connection: &Connection, id: i64, with_again: bool) -> rusqlite::Result<Option<Quarantined>> {
    let again = if with_again { "again" } else { "''" };
    let sql = format!("SELECT unit, address, reason, bytes, at, {again} FROM quarantine WHERE id = ?");
    let item = |row: &Row<'_>| {
        Ok(Quarantined {
            unit: UnitId::new(&[&row.get::<_, String>(0)?]),
            address: row.get(1)?,
            reason: row.get(2)?,
            bytes: row.get(3)?,
            at: time(row.get(4)?),
            again: row.get(5)?,
        })
    };
    connection.query_row(&sql, [id], item).optional()
}

fn millis(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
