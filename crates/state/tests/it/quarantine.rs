//! What is set aside: bounded, numbered, and gone for good when it is discarded.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use quittance_core::{Discarded, Quarantined, Record, Store, StoreError};
use quittance_state::{Settings, Sqlite, StateError, look_aside};

use crate::{FILE, files, item, open};

fn of_bytes(bytes: u64) -> Settings {
    Settings { quarantine_max_bytes: bytes }
}

#[tokio::test]
async fn a_full_quarantine_takes_no_more_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), of_bytes(10_000)).unwrap();
    store.quarantine(store.fence(), &item(9_000)).await.unwrap();
    let refused = store.quarantine(store.fence(), &item(2_000)).await;
    assert!(matches!(refused, Err(StoreError::Full { bytes: 10_000 })), "{refused:?}");
    store.save(store.fence(), "unit", Record::Progress, "a", "1").await.unwrap();
    assert_eq!(store.quarantined().await.unwrap().len(), 1);
}

/// An item that is only an address takes room too: a full quarantine takes none of them.
#[tokio::test]
async fn an_address_counts_even_without_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), of_bytes(1_000)).unwrap();
    store.quarantine(store.fence(), &item(600)).await.unwrap();
    let refused = store.quarantine(store.fence(), &item(0)).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
}

/// A kill between the two leaves an item in quarantine whose message comes again: it may then be deleted.
#[tokio::test]
async fn what_is_in_a_full_quarantine_already_counts_as_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), of_bytes(1_000)).unwrap();
    store.quarantine(store.fence(), &item(700)).await.unwrap();
    store.quarantine(store.fence(), &item(700)).await.unwrap();
    assert_eq!(store.quarantined().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_number_that_was_discarded_is_given_to_no_other_item() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.quarantine(store.fence(), &item(1)).await.unwrap();
    store.quarantine(store.fence(), &item(20)).await.unwrap();
    assert_eq!(store.discard(vec![2, 77]).await.unwrap(), Discarded { items: 1, bytes: 20 });
    store.quarantine(store.fence(), &item(3)).await.unwrap();
    let ids: Vec<_> = store.quarantined().await.unwrap().into_iter().map(|aside| (aside.id, aside.bytes)).collect();
    assert_eq!(ids, [(1, 1), (3, 3)]);
}

/// It may be customer data, so it must not stay in free pages or in the journal.
#[tokio::test]
async fn nothing_of_what_was_discarded_is_left_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let secret = b"a customer's words, ".repeat(500);
    store.quarantine(store.fence(), &Quarantined { bytes: secret, ..item(1) }).await.unwrap();
    let holds = || files(folder.path()).values().any(|bytes| bytes.windows(10).any(|part| part == b"customer's"));
    assert!(holds());
    store.discard(vec![1]).await.unwrap();
    drop(store);
    assert!(!holds());
}

#[tokio::test]
async fn what_is_older_is_discarded_and_what_is_younger_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    for (bytes, seconds) in [(10, 100), (20, 200), (30, 300)] {
        store.quarantine(store.fence(), &Quarantined { at: at(seconds), ..item(bytes) }).await.unwrap();
    }
    let discarded = store.discard_before(store.fence(), at(300)).await.unwrap();
    assert_eq!(discarded, Discarded { items: 2, bytes: 30 });
    assert_eq!(store.quarantined().await.unwrap()[0].at, at(300));
}

#[tokio::test]
async fn to_look_at_it_changes_nothing_and_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    assert!(look_aside(folder.path()).unwrap().list().unwrap().is_empty());
    assert!(!folder.path().join(FILE).exists());
    let store = open(folder.path()).unwrap();
    let again = "how to give it again".to_owned();
    store.quarantine(store.fence(), &Quarantined { again: again.clone(), ..item(4) }).await.unwrap();
    assert!(matches!(look_aside(folder.path()), Err(StateError::InUse { .. })));
    drop(store);
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let asides = look_aside(folder.path()).unwrap();
    assert_eq!(asides.list().unwrap()[0].bytes, 4);
    let whole = asides.item(1).unwrap().unwrap();
    assert_eq!((whole.bytes.len(), whole.again), (4, again));
    assert!(asides.item(2).unwrap().is_none());
    drop(asides);
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
}
