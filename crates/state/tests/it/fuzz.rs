//! A file that was damaged in any way is refused and left as it is, or is read; whatever is kept comes back as it was.

use std::{fs, time::SystemTime};

use quittance_core::{Change, Quarantined, Record, Store, UnitId};
use quittance_fuzz::{fuzz_slowly, random};
use quittance_state::{Settings, Sqlite, StateError, look};

/// Everything that a state can hold, once.
async fn fill(folder: &std::path::Path, text: &str, bytes: &[u8]) -> Result<(), StateError> {
    let store = Sqlite::open(folder, Settings::default())?;
    let fence = store.fence();
    let item = Quarantined {
        unit: UnitId::new(&[text]),
        address: text.to_owned(),
        reason: text.to_owned(),
        bytes: bytes.to_vec(),
        again: text.to_owned(),
        at: SystemTime::UNIX_EPOCH,
    };
    let changes = vec![
        Change::Checkpoint { cursor: text.to_owned(), value: text.to_owned() },
        Change::Remember { cursor: text.to_owned(), hour: i64::from(bytes.len() as u32), ids: vec![7, u128::MAX] },
    ];
    for (record, key) in [(Record::Progress, text), (Record::Verdict, "devo_1")] {
        store.save(fence, text, record, key, text).await.unwrap();
        assert_eq!(store.load(text, record, key).await.unwrap().as_deref(), Some(text));
    }
    store.commit(fence, text, changes).await.unwrap();
    store.quarantine(fence, &item).await.unwrap();
    assert_eq!(store.load(text, Record::Checkpoint, text).await.unwrap().as_deref(), Some(text));
    assert_eq!(store.remembered(text, text, i64::from(bytes.len() as u32)).await.unwrap(), [7, u128::MAX]);
    let aside = store.quarantined().await.unwrap();
    assert!(store.quarantined_item(aside[0].id).await.unwrap() == Some(item));
    Ok(())
}

#[test]
fn what_is_kept() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let seeds = ["unit", "a'b\"; DROP TABLE record; --", "\0\u{202e}\n\u{1b}[31m", "é😀"];
    fuzz_slowly("what_is_kept", 100, seeds, |input| {
        let folder = tempfile::tempdir().unwrap();
        let text = String::from_utf8_lossy(input).into_owned();
        runtime.block_on(fill(folder.path(), &text, input)).unwrap();
        let contents = look(folder.path()).unwrap().unwrap();
        assert_eq!(contents[&text].quarantined, 1);
        assert_eq!(contents[&text].records[Record::Checkpoint.name()][&text], text);
        assert_eq!(contents[&text].remembered[&text].ids, 2);
    });
}

#[test]
fn damaged_files() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let good = tempfile::tempdir().unwrap();
    runtime.block_on(fill(good.path(), "unit", b"bytes")).unwrap();
    let whole = fs::read(good.path().join("quittance.sqlite")).unwrap();
    // What is to be written where: a file is too long for an input.
    fuzz_slowly(
        "damaged_files",
        10,
        [&b"\0\0SQLite format 4\0"[..], b"\x10\0\xff\xff", b"\0\x10\0\0\0\0\0\0", b""],
        |input| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("quittance.sqlite");
            let mut random = random(input);
            let at = random.usize(..whole.len());
            let mut bytes = whole.clone();
            let end = (at + input.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&input[..end - at]);
            bytes.truncate(if random.u32(0..4) == 0 { random.usize(..=whole.len()) } else { whole.len() });
            fs::write(&path, &bytes).unwrap();
            let looked = look(folder.path());
            assert_eq!(fs::read(&path).unwrap(), bytes, "to look at it changes nothing");
            match Sqlite::open(folder.path(), Settings::default()) {
                // It is whole for all that SQLite can tell.
                Ok(store) => {
                    _ = runtime.block_on(store.quarantined());
                    _ = runtime.block_on(store.load("unit", Record::Checkpoint, "unit"));
                    assert!(!matches!(looked, Err(StateError::Damaged { .. })), "{looked:?}, and opened");
                }
                Err(error) => {
                    assert!(!quittance_core::chain(&error).is_empty());
                    assert_eq!(fs::read(&path).unwrap(), bytes, "what is refused stays as it is: {error}");
                }
            }
        },
    );
}
