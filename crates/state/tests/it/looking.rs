//! A look at a state changes nothing of it.

use quittance_core::{Change, Record, Store};
use quittance_state::{Holding, Remembered, StateError, look};

use crate::{files, item, open};

#[tokio::test]
async fn a_look_tells_what_is_held_by_whom_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fence = {
        let store = open(folder.path()).unwrap();
        let changes = vec![
            Change::Checkpoint { cursor: "group".to_owned(), value: "{\"until\":1}".to_owned() },
            Change::Remember { cursor: "group".to_owned(), hour: 9, ids: vec![1, 2] },
            Change::Remember { cursor: "group".to_owned(), hour: 12, ids: vec![3] },
        ];
        store.commit(store.fence(), "unit", changes).await.unwrap();
        store.save(store.fence(), "outputs", Record::Verdict, "devo", "closes").await.unwrap();
        store.quarantine(store.fence(), &item(3)).await.unwrap();
        store.quarantine(store.fence(), &item(4)).await.unwrap();
        store.fence()
    };
    let before = files(folder.path());
    let contents = look(folder.path()).unwrap().unwrap();
    assert_eq!(contents.keys().collect::<Vec<_>>(), ["aws/1/service", "outputs", "unit"]);
    let Holding { records, remembered, .. } = &contents["unit"];
    assert_eq!(records["checkpoint"]["group"], "{\"until\":1}");
    assert_eq!(remembered["group"], Remembered { ids: 3, hours: 2, oldest: 9, newest: 12 });
    assert_eq!(contents["outputs"].records["verdict"]["devo"], "closes");
    assert_eq!((contents["aws/1/service"].quarantined, contents["aws/1/service"].quarantined_bytes), (2, 7));
    assert!(files(folder.path()) == before, "the state was changed");
    assert_eq!(open(folder.path()).unwrap().fence().0, fence.0 + 1, "a look took the right to write");
}

#[test]
fn where_there_is_no_state_a_look_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(look(folder.path()).unwrap(), None);
    assert_eq!(look(&folder.path().join("missing")).unwrap(), None);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_state_that_is_held_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path()).unwrap();
    assert!(matches!(look(folder.path()), Err(StateError::InUse { .. })));
}
