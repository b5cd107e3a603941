//! The store as its users meet it: across restarts, processes, damage and other versions.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod crash;
mod damage;
mod fuzz;
mod looking;
mod quarantine;
mod remembered;
mod versions;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use quittance_core::{Fence, Quarantined, Record, Store, StoreError, UnitId};
use quittance_state::{Settings, Sqlite, StateError};

/// The state's file.
const FILE: &str = "quittance.sqlite";

fn item(bytes: usize) -> Quarantined {
    Quarantined {
        unit: UnitId::new(&["aws", "1", "service"]),
        address: format!("s3://bucket/key of {bytes} bytes"),
        reason: "cannot be decoded".to_owned(),
        bytes: vec![7; bytes],
        at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        again: String::new(),
    }
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn open(folder: &Path) -> Result<Sqlite, StateError> {
    Sqlite::open(folder, Settings::default())
}

#[tokio::test]
async fn records_and_quarantine_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    {
        let store = open(&state).unwrap();
        store.save(store.fence(), "unit", Record::Progress, "a", "1").await.unwrap();
        store.save(store.fence(), "unit", Record::Progress, "a", "2").await.unwrap();
        store.save(store.fence(), "unit", Record::Verdict, "a", "other kind").await.unwrap();
        store.save(store.fence(), "unit", Record::Progress, "gone", "x").await.unwrap();
        store.remove(store.fence(), "unit", Record::Progress, "gone").await.unwrap();
        store.quarantine(store.fence(), &item(3)).await.unwrap();
        store.quarantine(store.fence(), &item(3)).await.unwrap();
    }
    let store = open(&state).unwrap();
    assert_eq!(store.load("unit", Record::Progress, "a").await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.load("unit", Record::Verdict, "a").await.unwrap().as_deref(), Some("other kind"));
    assert_eq!(store.load("unit", Record::Progress, "gone").await.unwrap(), None);
    let listed = store.list("unit", Record::Progress).await.unwrap();
    assert_eq!(listed, [("a".to_owned(), "2".to_owned())]);
    assert_eq!(store.load("another unit", Record::Progress, "a").await.unwrap(), None);
    assert_eq!(store.quarantined().await.unwrap().len(), 1);
    assert!(store.quarantined_item(1).await.unwrap() == Some(item(3)));
}

#[tokio::test]
async fn a_fence_that_is_not_the_newest_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap().fence();
    let store = open(folder.path()).unwrap();
    assert!(store.fence() > first);
    for stale in [first, Fence(store.fence().0 + 1)] {
        let refused = store.save(stale, "unit", Record::Progress, "a", "1").await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
        let refused = store.quarantine(stale, &item(1)).await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    }
    assert_eq!(store.load("unit", Record::Progress, "a").await.unwrap(), None);
    assert!(store.quarantined().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_holder_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(StateError::InUse { .. })));
    store.save(store.fence(), "unit", Record::Progress, "a", "1").await.unwrap();
    drop(store);
    open(folder.path()).unwrap();
}

#[test]
fn others_on_the_machine_cannot_read_it_whatever_the_mask_is() {
    rustix::process::umask(rustix::fs::Mode::empty());
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("made/by/us");
    let store = open(&state).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    // One that was copied back with another mode is made tight again.
    drop(store);
    let file = state.join("quittance.sqlite");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&state).unwrap();
    for file in fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}
