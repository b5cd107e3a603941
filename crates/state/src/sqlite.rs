//! One SQLite file as a store.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use quittance_core::{Change, Discarded, EventId, Fence, Quarantined, Record, SetAside, Store, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::{
    StateError,
    file::{Held, open_error},
    quarantine,
};

/// Bounds of a state.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes that the quarantine may hold, over all units.
    pub quarantine_max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { quarantine_max_bytes: 256 << 20 }
    }
}

/// A state on disk, held by this process alone until it is dropped.
pub struct Sqlite {
    connection: Arc<Mutex<Connection>>,
    settings: Settings,
    fence: Fence,
}

impl Sqlite {
    /// Opens the state in `folder`, which is made if it is missing. Whoever held it before can no longer write.
    pub fn open(folder: &Path, settings: Settings) -> Result<Sqlite, StateError> {
        let Held { connection, path, .. } = Held::newest(folder)?;
        let fence = connection
            .query_row("UPDATE holder SET fence = fence + 1 RETURNING fence", [], |row| row.get::<_, i64>(0))
            .map_err(|source| open_error(&path, source))?;
        let fence = Fence(fence.unsigned_abs());
        Ok(Sqlite { connection: Arc::new(Mutex::new(connection)), settings, fence })
    }

    /// Runs `work` where blocking is allowed, one at a time.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = self.connection.clone();
        let done =
            tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)));
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(StoreError::Failed { operation, source: source.into() }),
            Err(source) => Err(StoreError::Failed { operation, source: source.into() }),
        }
    }

    /// As [`run`](Self::run), in a transaction that holds only if `fence` is the newest.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        fence: Fence,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = self.run(operation, move |connection| {
            let transaction = connection.transaction()?;
            let newest: i64 = transaction.query_row("SELECT fence FROM holder", [], |row| row.get(0))?;
            if u64::try_from(newest) != Ok(fence.0) {
                return Ok(None);
            }
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(Some(value))
        });
        written.await?.ok_or(StoreError::Fenced { operation })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn load(&self, scope: &str, record: Record, key: &str) -> Result<Option<String>, StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.run("reading a record", move |connection| {
            connection
                .prepare_cached("SELECT value FROM record WHERE scope = ? AND kind = ? AND key = ?")?
                .query_row(params![scope, record.name(), key], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn list(&self, scope: &str, record: Record) -> Result<Vec<(String, String)>, StoreError> {
        let scope = scope.to_owned();
        self.run("listing records", move |connection| {
            connection
                .prepare_cached("SELECT key, value FROM record WHERE scope = ? AND kind = ?")?
                .query_map(params![scope, record.name()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }

    async fn save(&self, fence: Fence, scope: &str, record: Record, key: &str, value: &str) -> Result<(), StoreError> {
        let (scope, key, value) = (scope.to_owned(), key.to_owned(), value.to_owned());
        self.write("writing a record", fence, move |transaction| {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO record (scope, kind, key, value) VALUES (?, ?, ?, ?)")?
                .execute(params![scope, record.name(), key, value])
                .map(drop)
        })
        .await
    }

    async fn remove(&self, fence: Fence, scope: &str, record: Record, key: &str) -> Result<(), StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.write("removing a record", fence, move |transaction| {
            transaction
                .prepare_cached("DELETE FROM record WHERE scope = ? AND kind = ? AND key = ?")?
                .execute(params![scope, record.name(), key])
                .map(drop)
        })
        .await
    }

    async fn commit(&self, fence: Fence, scope: &str, changes: Vec<Change>) -> Result<(), StoreError> {
        let scope = scope.to_owned();
        self.write("writing checkpoints", fence, move |transaction| {
            changes.into_iter().try_for_each(|change| apply(transaction, &scope, change))
        })
        .await
    }

    async fn remembered(&self, scope: &str, cursor: &str, hour: i64) -> Result<Vec<EventId>, StoreError> {
        let (scope, cursor) = (scope.to_owned(), cursor.to_owned());
        self.run("reading remembered events", move |connection| {
            let mut ids = Vec::new();
            let mut statement =
                connection.prepare_cached("SELECT ids FROM remembered WHERE scope = ? AND cursor = ? AND hour = ?")?;
            let mut rows = statement.query(params![scope, cursor, hour])?;
            while let Some(row) = rows.next()? {
                let part = row.get_ref(0)?.as_blob()?;
                ids.extend(part.as_chunks::<ID_BYTES>().0.iter().map(|id| EventId::from_le_bytes(*id)));
            }
            Ok(ids)
        })
        .await
    }

    async fn remembered_hours(&self, scope: &str, cursor: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        let (scope, cursor) = (scope.to_owned(), cursor.to_owned());
        self.run("reading remembered events", move |connection| {
            connection
                .prepare_cached(
                    "SELECT hour, sum(length(ids)) FROM remembered WHERE scope = ? AND cursor = ? GROUP BY hour ORDER BY hour",
                )?
                .query_map(params![scope, cursor], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs() / ID_BYTES as u64))
                })?
                .collect()
        })
        .await
    }

    async fn quarantine(&self, fence: Fence, item: &Quarantined) -> Result<(), StoreError> {
        let (item, bytes) = (item.clone(), self.settings.quarantine_max_bytes);
        let put = self
            .write("writing to the quarantine", fence, move |transaction| quarantine::put(transaction, &item, bytes));
        if put.await? { Ok(()) } else { Err(StoreError::Full { bytes }) }
    }

    async fn discard_before(&self, fence: Fence, then: SystemTime) -> Result<Discarded, StoreError> {
        self.write("discarding from the quarantine", fence, move |transaction| {
            quarantine::discard_before(transaction, then)
        })
        .await
    }

    async fn set_aside(&self) -> Result<SetAside, StoreError> {
        self.run("counting the quarantine", |connection| quarantine::count(connection)).await
    }

    fn fence(&self) -> Fence {
        self.fence
    }
}

/// Bytes of an id in the state.
const ID_BYTES: usize = size_of::<EventId>();

/// A part of an hour that is smaller takes the next ids in, rather than that they begin another: a poll finds a few
/// events, and an hour has many polls. Larger ones are not written again.
const PART_BYTES: i64 = 4096;

fn apply(transaction: &Transaction<'_>, scope: &str, change: Change) -> rusqlite::Result<()> {
    match change {
        Change::Checkpoint { cursor, value } => transaction
            .prepare_cached("INSERT OR REPLACE INTO record (scope, kind, key, value) VALUES (?, ?, ?, ?)")?
            .execute(params![scope, Record::Checkpoint.name(), cursor, value])
            .map(drop),
        Change::Remember { ids, .. } if ids.is_empty() => Ok(()),
        Change::Remember { cursor, hour, ids } => remember(transaction, scope, &cursor, hour, &ids),
        Change::Forget { cursor, before } => transaction
            .prepare_cached("DELETE FROM remembered WHERE scope = ? AND cursor = ? AND hour < ?")?
            .execute(params![scope, cursor, before])
            .map(drop),
        Change::Reset { cursor } => {
            transaction
                .prepare_cached("DELETE FROM record WHERE scope = ?1 AND kind = ?2 AND key = coalesce(?3, key)")?
                .execute(params![scope, Record::Checkpoint.name(), cursor])?;
            transaction
                .prepare_cached("DELETE FROM remembered WHERE scope = ?1 AND cursor = coalesce(?2, cursor)")?
                .execute(params![scope, cursor])
                .map(drop)
        }
    }
}

fn remember(
    transaction: &Transaction<'_>,
    scope: &str,
    cursor: &str,
    hour: i64,
    ids: &[EventId],
) -> rusqlite::Result<()> {
    let last: Option<(i64, Vec<u8>)> = transaction
        .prepare_cached(
            "SELECT part, iif(length(ids) < ?4, ids, x'') FROM remembered
             WHERE scope = ?1 AND cursor = ?2 AND hour = ?3 ORDER BY part DESC LIMIT 1",
        )?
        .query_row(params![scope, cursor, hour, PART_BYTES], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (part, mut bytes) = match last {
        None => (1, Vec::new()),
        Some((last, full)) if full.is_empty() => (last + 1, full),
        Some((last, bytes)) => (last, bytes),
    };
    bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    transaction
        .prepare_cached("INSERT OR REPLACE INTO remembered (scope, cursor, hour, part, ids) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![scope, cursor, hour, part, bytes])
        .map(drop)
}
