//! Checkpoints and the events that were delivered: written together, kept by the hour, forgotten.

use quittance_core::{Change, EventId, Fence, Record, Store, StoreError};

use crate::{FILE, open};

fn checkpoint(cursor: &str, value: &str) -> Change {
    Change::Checkpoint { cursor: cursor.to_owned(), value: value.to_owned() }
}

fn remember(cursor: &str, hour: i64, ids: impl IntoIterator<Item = EventId>) -> Change {
    Change::Remember { cursor: cursor.to_owned(), hour, ids: ids.into_iter().collect() }
}

fn forget(cursor: &str, before: i64) -> Change {
    Change::Forget { cursor: cursor.to_owned(), before }
}

async fn sorted(store: &dyn Store, cursor: &str, hour: i64) -> Vec<EventId> {
    let mut ids = store.remembered("unit", cursor, hour).await.unwrap();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn what_is_committed_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(folder.path()).unwrap();
        let changes = vec![checkpoint("a", "1"), remember("a", 10, [3, EventId::MAX, 0]), remember("a", -1, [7])];
        store.commit(store.fence(), "unit", changes).await.unwrap();
        let changes = vec![checkpoint("a", "2"), remember("a", 10, [5]), remember("b", 10, [6])];
        store.commit(store.fence(), "unit", changes).await.unwrap();
    }
    let store = open(folder.path()).unwrap();
    assert_eq!(store.load("unit", Record::Checkpoint, "a").await.unwrap().as_deref(), Some("2"));
    assert_eq!(sorted(&store, "a", 10).await, [0, 3, 5, EventId::MAX]);
    assert_eq!(sorted(&store, "a", -1).await, [7]);
    assert_eq!(sorted(&store, "b", 10).await, [6]);
    assert_eq!(sorted(&store, "a", 11).await, []);
    assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), [(-1, 1), (10, 4)]);
    assert_eq!(store.remembered_hours("another unit", "a").await.unwrap(), []);
    assert_eq!(store.remembered("another unit", "a", 10).await.unwrap(), []);
}

#[tokio::test]
async fn earlier_hours_of_one_cursor_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let all = (8..12).map(|hour| remember("a", hour, [1, 2])).chain([remember("b", 8, [1])]).collect();
    store.commit(store.fence(), "unit", all).await.unwrap();
    store.commit(store.fence(), "another unit", vec![remember("a", 8, [1])]).await.unwrap();
    store.commit(store.fence(), "unit", vec![forget("a", 10)]).await.unwrap();
    assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), [(10, 2), (11, 2)]);
    assert_eq!(store.remembered_hours("unit", "b").await.unwrap(), [(8, 1)]);
    assert_eq!(store.remembered_hours("another unit", "a").await.unwrap(), [(8, 1)]);
}

#[tokio::test]
async fn a_reset_forgets_one_cursor_or_the_unit_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for unit in ["unit", "another unit"] {
        let both = ["a", "b"].into_iter().flat_map(|cursor| [checkpoint(cursor, "1"), remember(cursor, 9, [1])]);
        store.commit(store.fence(), unit, both.collect()).await.unwrap();
        store.save(store.fence(), unit, Record::Progress, "a", "a mark").await.unwrap();
    }
    let cursors = async |unit: &'static str| {
        let mut left = Vec::new();
        for (cursor, _) in store.list(unit, Record::Checkpoint).await.unwrap() {
            assert_eq!(store.remembered_hours(unit, &cursor).await.unwrap(), [(9, 1)]);
            left.push(cursor);
        }
        left
    };
    let reset = |cursor: Option<&str>| vec![Change::Reset { cursor: cursor.map(str::to_owned) }];
    store.commit(store.fence(), "unit", reset(Some("a"))).await.unwrap();
    assert_eq!(cursors("unit").await, ["b"]);
    assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), []);
    store.commit(store.fence(), "unit", reset(None)).await.unwrap();
    assert_eq!(cursors("unit").await, [""; 0]);
    assert_eq!(store.remembered_hours("unit", "b").await.unwrap(), []);
    assert_eq!(cursors("another unit").await, ["a", "b"]);
    assert_eq!(store.load("unit", Record::Progress, "a").await.unwrap().as_deref(), Some("a mark"));
}

#[tokio::test]
async fn changes_of_which_one_fails_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(folder.path()).unwrap();
        let changes = vec![checkpoint("a", "before"), remember("a", 8, [1])];
        store.commit(store.fence(), "unit", changes).await.unwrap();
    }
    // A disk that fails at the third of four changes.
    let trigger =
        "CREATE TRIGGER full BEFORE INSERT ON remembered WHEN NEW.hour = 10 BEGIN SELECT RAISE(FAIL, 'disk full'); END";
    rusqlite::Connection::open(folder.path().join(FILE)).unwrap().execute_batch(trigger).unwrap();
    let store = open(folder.path()).unwrap();
    let changes = vec![checkpoint("a", "after"), forget("a", 9), remember("a", 9, [2]), remember("a", 10, [3])];
    let failed = store.commit(store.fence(), "unit", changes.clone()).await;
    assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
    assert_eq!(store.load("unit", Record::Checkpoint, "a").await.unwrap().as_deref(), Some("before"));
    assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), [(8, 1)]);
    // And the store goes on.
    store.commit(store.fence(), "unit", changes[..3].to_vec()).await.unwrap();
    assert_eq!(store.load("unit", Record::Checkpoint, "a").await.unwrap().as_deref(), Some("after"));
    assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), [(9, 1)]);
}

#[tokio::test]
async fn a_fence_that_is_not_the_newest_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap().fence();
    let store = open(folder.path()).unwrap();
    store.commit(store.fence(), "unit", vec![checkpoint("a", "1"), remember("a", 9, [1])]).await.unwrap();
    for stale in [first, Fence(store.fence().0 + 1)] {
        for change in [checkpoint("a", "2"), remember("a", 9, [2]), forget("a", 100), Change::Reset { cursor: None }] {
            let refused = store.commit(stale, "unit", vec![change]).await;
            assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
        }
    }
    assert_eq!(store.load("unit", Record::Checkpoint, "a").await.unwrap().as_deref(), Some("1"));
    assert_eq!(sorted(&store, "a", 9).await, [1]);
}

/// A poll every few seconds finds an event or two: that must not make a row a poll. Nor may a large hour be written anew
/// for each of them.
#[tokio::test]
async fn small_parts_of_an_hour_become_one_and_large_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<EventId> = (0..2000).chain(10_000..15_000).chain(20_000..20_100).collect();
    {
        let store = open(folder.path()).unwrap();
        for id in 0..2000 {
            store.commit(store.fence(), "unit", vec![remember("a", 9, [id])]).await.unwrap();
        }
        store
            .commit(store.fence(), "unit", vec![remember("a", 9, 10_000..15_000), remember("a", 9, [])])
            .await
            .unwrap();
        for id in 20_000..20_100 {
            store.commit(store.fence(), "unit", vec![remember("a", 9, [id])]).await.unwrap();
        }
        assert_eq!(sorted(&store, "a", 9).await, expected);
        assert_eq!(store.remembered_hours("unit", "a").await.unwrap(), [(9, 7100)]);
    }
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let parts = file.prepare("SELECT length(ids) / 16 FROM remembered ORDER BY part").unwrap();
    let parts: Vec<i64> = { parts }.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(parts, [256, 256, 256, 256, 256, 256, 256, 5208, 100]);
}
