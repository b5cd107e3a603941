//! Whatever is wrong with a state is an error that says so; the state is left as it is, and no other one begun.

use std::{fs, path::Path};

use quittance_core::{Change, Record, Store};
use quittance_state::{StateError, look};
use rusqlite::Connection;

use crate::{FILE, files, item, open};

/// A state of some hundred pages.
async fn fill(folder: &Path) {
    let store = open(folder).unwrap();
    for hour in 0..20 {
        let ids = (0..2000).map(|id| id << 100).collect();
        let changes = vec![
            Change::Checkpoint { cursor: format!("cursor {hour}"), value: "1".repeat(200) },
            Change::Remember { cursor: "a".to_owned(), hour, ids },
        ];
        store.commit(store.fence(), "unit", changes).await.unwrap();
    }
    store.quarantine(store.fence(), &item(5000)).await.unwrap();
}

fn assert_refused(folder: &Path, says: &str) {
    let before = files(folder);
    for refused in [open(folder).err(), look(folder).err()] {
        let refused = refused.expect("an error");
        assert!(matches!(refused, StateError::Damaged { .. }), "{refused:?}");
        let message = refused.to_string();
        assert!(message.contains(FILE) && message.contains("left as it is") && message.contains(says), "{message}");
    }
    assert!(files(folder) == before, "the state was changed");
}

#[test]
fn garbage() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = b"this is no database, and long enough to be read as the header of one. ".repeat(100);
    fs::write(folder.path().join(FILE), &garbage).unwrap();
    assert_refused(folder.path(), "not a database");
}

#[test]
fn an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE), "").unwrap();
    assert_refused(folder.path(), "it is empty");
}

#[tokio::test]
async fn a_file_that_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let file = folder.path().join(FILE);
    let whole = fs::read(&file).unwrap();
    for length in [1, 99, 100, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_refused(folder.path(), "");
    }
    fs::write(&file, &whole).unwrap();
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_damaged_page() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let file = folder.path().join(FILE);
    let whole = fs::read(&file).unwrap();
    let page_of = |table: &str| -> usize {
        let connection = Connection::open(&file).unwrap();
        let page: u32 = connection
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?", [table], |row| row.get(0))
            .unwrap();
        page as usize
    };
    for table in ["record", "remembered", "quarantine"] {
        let mut damaged = whole.clone();
        let start = (page_of(table) - 1) * 4096;
        damaged[start..start + 4096].fill(0xa5);
        fs::write(&file, &damaged).unwrap();
        assert_refused(folder.path(), "");
        fs::write(&file, &whole).unwrap();
    }
}

/// After a kill there is a journal. What is refused keeps it, and its file is not touched by it.
#[tokio::test]
async fn a_damaged_page_beside_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let killed = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    {
        let store = open(folder.path()).unwrap();
        store.save(store.fence(), "unit", Record::Progress, "a", "1").await.unwrap();
        for (name, bytes) in files(folder.path()) {
            fs::write(killed.path().join(name), bytes).unwrap();
        }
    }
    let sound = files(killed.path());
    assert!(sound[&format!("{FILE}-wal")].len() > 4096);
    let mut damaged = sound[FILE].clone();
    damaged[8 * 4096..].fill(0xa5);
    fs::write(killed.path().join(FILE), &damaged).unwrap();
    assert_refused(killed.path(), "");
    fs::write(killed.path().join(FILE), &sound[FILE]).unwrap();
    let contents = look(killed.path()).unwrap().unwrap();
    assert_eq!(contents["unit"].records["progress"]["a"], "1");
    assert!(files(killed.path()) == sound, "the state was changed");
    let store = open(killed.path()).unwrap();
    assert_eq!(store.load("unit", Record::Progress, "a").await.unwrap().as_deref(), Some("1"));
}

#[test]
fn a_journal_whose_file_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{FILE}-wal")), "the journal").unwrap();
    assert_refused(folder.path(), "only its journal is there");
}

#[test]
fn a_first_start_that_was_cut_short_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{FILE}.new")), "half a st").unwrap();
    drop(open(folder.path()).unwrap());
    assert_eq!(files(folder.path()).keys().collect::<Vec<_>>(), [FILE]);
}
