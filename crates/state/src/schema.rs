//! The schema, by version.

use rusqlite::Connection;

/// What brings a state from each version to the next; a state's version is their number.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE holder (only INTEGER PRIMARY KEY CHECK (only = 1), fence INTEGER NOT NULL) STRICT;
    INSERT INTO holder VALUES (1, 0);
    CREATE TABLE record (
        scope TEXT NOT NULL,
        kind  TEXT NOT NULL,
        key   TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (scope, kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE quarantine (
        id      INTEGER PRIMARY KEY,
        unit    TEXT NOT NULL,
        address TEXT NOT NULL,
        reason  TEXT NOT NULL,
        bytes   BLOB NOT NULL,
        at      INTEGER NOT NULL,
        UNIQUE (unit, address)
    ) STRICT;
    ",
    "
    CREATE TABLE remembered (
        scope  TEXT NOT NULL,
        cursor TEXT NOT NULL,
        hour   INTEGER NOT NULL,
        part   INTEGER NOT NULL,
        ids    BLOB NOT NULL CHECK (length(ids) % 16 = 0),
        PRIMARY KEY (scope, cursor, hour, part)
    ) STRICT;
    ",
    // A number that was discarded must not come to mean something else.
    "
    CREATE TABLE numbered (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        unit    TEXT NOT NULL,
        address TEXT NOT NULL,
        reason  TEXT NOT NULL,
        bytes   BLOB NOT NULL,
        at      INTEGER NOT NULL,
        again   TEXT NOT NULL,
        UNIQUE (unit, address)
    ) STRICT;
    INSERT INTO numbered SELECT id, unit, address, reason, bytes, at, '' FROM quarantine;
    DROP TABLE quarantine;
    ALTER TABLE numbered RENAME TO quarantine;
    ",
];

/// The newest version.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The version of a state; a file without any is no state of ours.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a state of version `found` to the newest one, each step whole or not at all.
pub(crate) fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (version, migration) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        let step = connection.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}
