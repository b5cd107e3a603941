//! States of other versions.

use std::fs;

use quittance_core::{Change, Fence, Record, Store};
use quittance_state::{StateError, look, look_aside};
use rusqlite::Connection;

use crate::{FILE, files, item, open};

/// What the first version made, in its own words.
const FIRST: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE holder (only INTEGER PRIMARY KEY CHECK (only = 1), fence INTEGER NOT NULL) STRICT;
    INSERT INTO holder VALUES (1, 41);
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
    INSERT INTO record VALUES ('unit', 'progress', 'message', 'a mark'), ('outputs', 'verdict', 'devo', 'closes');
    INSERT INTO quarantine VALUES
        (5, 'aws/1/service', 's3://bucket/key of 3 bytes', 'cannot be decoded', x'070707', 1700000000000);
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_state_of_the_first_version_is_brought_to_this_one() {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(folder.path().join(FILE)).unwrap().execute_batch(FIRST).unwrap();
    {
        let store = open(folder.path()).unwrap();
        assert_eq!(store.fence(), Fence(42));
        assert_eq!(store.load("unit", Record::Progress, "message").await.unwrap().as_deref(), Some("a mark"));
        assert_eq!(store.load("outputs", Record::Verdict, "devo").await.unwrap().as_deref(), Some("closes"));
        assert_eq!(store.quarantined().await.unwrap().len(), 1);
        assert!(store.quarantined_item(5).await.unwrap() == Some(item(3)));
        let remember = Change::Remember { cursor: "a".to_owned(), hour: 9, ids: vec![1, 2] };
        store.commit(store.fence(), "unit", vec![remember]).await.unwrap();
    }
    let store = open(folder.path()).unwrap();
    assert_eq!(store.remembered("unit", "a", 9).await.unwrap(), [1, 2]);
    assert_eq!(store.fence(), Fence(43));
}

#[test]
fn to_look_at_a_state_of_the_first_version_leaves_it_so() {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(folder.path().join(FILE)).unwrap().execute_batch(FIRST).unwrap();
    let before = files(folder.path());
    let contents = look(folder.path()).unwrap().unwrap();
    assert_eq!(contents["unit"].records["progress"]["message"], "a mark");
    assert_eq!((contents["aws/1/service"].quarantined, contents["aws/1/service"].quarantined_bytes), (1, 3));
    let asides = look_aside(folder.path());
    assert_eq!(asides.as_ref().unwrap().list().unwrap()[0].id, 5);
    assert!(asides.unwrap().item(5).unwrap() == Some(item(3)));
    assert!(files(folder.path()) == before, "the state was changed");
}

#[test]
fn a_newer_state_is_refused_with_both_versions_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    Connection::open(folder.path().join(FILE)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = files(folder.path());
    for refused in [open(folder.path()).err().unwrap(), look(folder.path()).err().unwrap()] {
        assert!(matches!(refused, StateError::Newer { found: 99, known: 3, .. }), "{refused:?}");
        let message = refused.to_string();
        assert!(message.contains("version 99") && message.contains("version 3"), "{message}");
    }
    assert!(files(folder.path()) == before, "the state was changed");
}

#[test]
fn a_database_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(&file).unwrap();
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, StateError::Damaged { .. }), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
}
