//! What a power cut may leave of the files: whatever was written last may be missing, from any byte on.

use std::fs;

use quittance_core::{Record, Store};

use crate::{FILE, files, item, open};

/// ClickHouse/ClickHouse#111537: a source was told to forget what was not on the disk yet. A write ends when it is synced, so
/// what can be missing is what had not ended; here its journal is cut at every place there is.
#[tokio::test]
async fn a_journal_that_was_cut_holds_every_write_that_had_ended_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let journal = folder.path().join(format!("{FILE}-wal"));
    let mut ended = Vec::new();
    for n in 1..=12 {
        match n % 3 {
            0 => store.quarantine(store.fence(), &item(n * 700)).await.unwrap(),
            _ => store.save(store.fence(), "unit", Record::Progress, &n.to_string(), "mark").await.unwrap(),
        }
        ended.push((fs::metadata(&journal).unwrap().len(), n));
    }
    let before = files(folder.path());
    drop(store);
    let (last, _) = *ended.last().unwrap();
    let first = ended[0].0;
    for cut in (first..=last).step_by(777).chain(ended.iter().map(|(length, _)| *length)) {
        let after = tempfile::tempdir().unwrap();
        for (name, bytes) in &before {
            let kept = if name.ends_with("-wal") { &bytes[..usize::try_from(cut).unwrap()] } else { bytes };
            fs::write(after.path().join(name), kept).unwrap();
        }
        let store = open(after.path()).unwrap();
        let mut found: Vec<usize> = store
            .quarantined()
            .await
            .unwrap()
            .iter()
            .map(|aside| usize::try_from(aside.bytes).unwrap() / 700)
            .collect();
        found.extend(
            store.list("unit", Record::Progress).await.unwrap().iter().map(|(key, _)| key.parse::<usize>().unwrap()),
        );
        found.sort_unstable();
        let most = ended.iter().filter(|(length, _)| *length <= cut).count();
        let whole: Vec<usize> = (1..=found.len()).collect();
        assert_eq!(found, whole, "cut at {cut}: what is there has no gap");
        assert!(found.len() >= most, "cut at {cut}: {} of {most} writes that had ended", found.len());
    }
}
