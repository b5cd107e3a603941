//! `quittance state`.

use std::{fs, time::SystemTime};

use quittance_core::{Change, Quarantined, Record, Store, UnitId};
use quittance_state::{Settings, Sqlite};
use serde_json::{Value, json};

use crate::scene::{ODD, Said, Scene, assert_plain, quittance};

const LOGS: &str = "aws/12351/custom-logs/eu-west-1";
const OTHER_LOGS: &str = "aws/12351/custom-logs/eu-west-10";
const TRAIL: &str = "aws/12351/audit-events-all/audits_s3/eu-west-1/trail";

/// `quittance state` with more arguments.
fn state(scene: &Scene, arguments: &[&str]) -> Said {
    let path = scene.file("config.yaml");
    fs::write(&path, &scene.yaml).unwrap();
    let (verb, rest) = arguments.split_first().unwrap();
    quittance(&[&["state", *verb, "--config", path.to_str().unwrap()], rest].concat())
}

fn open(scene: &Scene) -> Sqlite {
    Sqlite::open(&scene.file("state"), Settings::default()).unwrap()
}

/// A state with something of everything.
async fn fill(scene: &Scene) {
    let store = open(scene);
    let fence = store.fence();
    for unit in [LOGS, OTHER_LOGS] {
        let changes = vec![
            Change::Checkpoint { cursor: "group-a".to_owned(), value: "{\"until\":17}".to_owned() },
            Change::Checkpoint { cursor: "group-b".to_owned(), value: "in words".to_owned() },
            Change::Remember { cursor: "group-a".to_owned(), hour: 491_000, ids: vec![1, 2] },
            Change::Remember { cursor: "group-a".to_owned(), hour: 491_002, ids: vec![3] },
        ];
        store.commit(fence, unit, changes).await.unwrap();
    }
    store.save(fence, LOGS, Record::Reset, "", "once").await.unwrap();
    store.save(fence, TRAIL, Record::Progress, "message-1", "a mark").await.unwrap();
    store.save(fence, "outputs", Record::Verdict, "devo_1", "closes").await.unwrap();
    let (unit, bytes) = (UnitId::new(&[TRAIL]), vec![7; 10]);
    let item = Quarantined {
        unit,
        address: "message-2".to_owned(),
        reason: "no JSON".to_owned(),
        bytes,
        at: SystemTime::UNIX_EPOCH,
        again: String::new(),
    };
    store.quarantine(fence, &item).await.unwrap();
}

/// The cursors of a unit's checkpoints.
async fn cursors(scene: &Scene, unit: &str) -> Vec<String> {
    open(scene).list(unit, Record::Checkpoint).await.unwrap().into_iter().map(|(cursor, _)| cursor).collect()
}

#[tokio::test]
async fn what_is_remembered_is_shown_by_unit() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = state(&scene, &["show"]);
    assert_eq!((said.code, &*said.err), (Some(0), ""));
    let expected = format!(
        "{TRAIL}\n  progress marks: 1\n  quarantine: 1 items, 10 bytes\n\
         {LOGS}\n  checkpoint group-a: {{\"until\":17}}\n  checkpoint group-b: in words\n  reset: once\n  \
         remembered group-a: 3 ids in 2 hours, from 2026-01-05T08:00:00Z to 2026-01-05T10:00:00Z\n\
         {OTHER_LOGS}\n  checkpoint group-a: {{\"until\":17}}\n  checkpoint group-b: in words\n  \
         remembered group-a: 3 ids in 2 hours, from 2026-01-05T08:00:00Z to 2026-01-05T10:00:00Z\n\
         outputs\n  verdict devo_1: closes\n"
    );
    assert_eq!(said.out, expected);
}

#[tokio::test]
async fn what_is_remembered_is_shown_as_json() {
    let scene = Scene::new();
    fill(&scene).await;
    let shown: Value = serde_json::from_str(&state(&scene, &["show", "--json"]).out).unwrap();
    assert_eq!(shown["exists"], true);
    assert_eq!(shown["outputs"], json!([{ "name": "devo_1", "verdict": "closes" }]));
    let expected = json!({
        "unit": LOGS,
        "checkpoints": [
            { "cursor": "group-a", "value": { "until": 17 } },
            { "cursor": "group-b", "value": "in words" },
        ],
        "remembered": [{
            "cursor": "group-a", "ids": 3, "hours": 2,
            "oldest": "2026-01-05T08:00:00Z", "newest": "2026-01-05T10:00:00Z",
        }],
        "progress_marks": 0,
        "reset": "once",
        "quarantined": 0,
        "quarantined_bytes": 0,
    });
    assert_eq!(shown["units"][1], expected);
    let trail = &shown["units"][0];
    assert_eq!((&trail["unit"], &trail["progress_marks"]), (&json!(TRAIL), &json!(1)));
    assert_eq!((&trail["quarantined"], &trail["quarantined_bytes"]), (&json!(1), &json!(10)));
}

#[test]
fn without_a_state_there_is_nothing_to_show_and_none_is_made() {
    let scene = Scene::new();
    let said = state(&scene, &["show"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.starts_with("there is no state in"), "{}", said.out);
    let shown: Value = serde_json::from_str(&state(&scene, &["show", "--json"]).out).unwrap();
    assert_eq!((&shown["exists"], &shown["units"]), (&json!(false), &json!([])));
    assert!(!scene.file("state").exists());
}

#[tokio::test]
async fn a_reset_without_yes_only_says_what_it_would_forget() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = state(&scene, &["reset"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains(LOGS) && said.out.contains("checkpoint group-a") && said.out.contains("3 ids"));
    assert!(said.out.contains("nothing is forgotten yet: add --yes"), "{}", said.out);
    assert!(!said.out.contains(TRAIL) && !said.out.contains("verdict"), "{}", said.out);
    assert_eq!(cursors(&scene, LOGS).await, ["group-a", "group-b"]);
}

#[tokio::test]
async fn a_reset_forgets_the_units_below_a_prefix_and_no_others() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = state(&scene, &["reset", "--unit", LOGS, "--yes"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.starts_with(&format!("forgotten:\n{LOGS}\n")), "{}", said.out);
    assert_eq!(cursors(&scene, LOGS).await, [""; 0]);
    assert_eq!(cursors(&scene, OTHER_LOGS).await, ["group-a", "group-b"], "a prefix counts in whole levels");
    let store = open(&scene);
    assert_eq!(store.remembered_hours(LOGS, "group-a").await.unwrap(), []);
    assert_eq!(store.load(TRAIL, Record::Progress, "message-1").await.unwrap().as_deref(), Some("a mark"));
    assert_eq!(store.load("outputs", Record::Verdict, "devo_1").await.unwrap().as_deref(), Some("closes"));
    assert_eq!(store.quarantined().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reset_forgets_one_cursor_of_all_units() {
    let scene = Scene::new();
    fill(&scene).await;
    let said = state(&scene, &["reset", "--unit", "aws/12351/", "--cursor", "group-a", "--yes"]);
    assert_eq!(said.code, Some(0));
    for unit in [LOGS, OTHER_LOGS] {
        assert_eq!(cursors(&scene, unit).await, ["group-b"]);
    }
}

/// What happened since it was last read is not asked for again, if nothing says from when on.
#[tokio::test]
async fn a_reset_names_the_units_that_have_no_start_time() {
    let section = |more: &str| {
        let section = format!("custom-logs: {{types: [logs], log_groups: [a], regions: [eu-west-1]{more}}}");
        Scene::new().but("    services:\n", &format!("    services:\n      {section}\n"))
    };
    for (more, told) in [("", true), (", start_time: 2026-01-01", false)] {
        let scene = section(more);
        fill(&scene).await;
        for yes in [&["reset", "--unit", LOGS][..], &["reset", "--unit", LOGS, "--yes"]] {
            let said = state(&scene, yes);
            let expected = format!("{LOGS}: no `start_time` is set");
            assert_eq!(said.out.contains(&expected), told, "{}", said.out);
        }
    }
}

#[tokio::test]
async fn a_reset_of_nothing_is_an_error() {
    let scene = Scene::new();
    assert_eq!(state(&scene, &["reset", "--yes"]).code, Some(1));
    fill(&scene).await;
    for arguments in [["--unit", "aws/1"], ["--unit", TRAIL], ["--cursor", "group-c"]] {
        let said = state(&scene, &["reset", arguments[0], arguments[1], "--yes"]);
        assert_eq!(said.code, Some(1), "{arguments:?}");
        assert!(said.out.contains("nothing to forget"), "{}", said.out);
    }
}

#[tokio::test]
async fn a_state_that_a_collector_holds_is_neither_shown_nor_reset() {
    let scene = Scene::new();
    fill(&scene).await;
    let _held = open(&scene);
    for arguments in [&["show"][..], &["show", "--json"], &["reset"], &["reset", "--yes"]] {
        let said = state(&scene, arguments);
        assert_eq!((said.code, &*said.out), (Some(1), ""));
        assert!(said.err.contains("in use by another process"), "{}", said.err);
    }
}

/// Names of log groups and of objects are others' words.
#[tokio::test]
async fn nothing_that_is_remembered_is_obeyed_by_a_terminal() {
    let scene = Scene::new();
    let store = open(&scene);
    let changes = vec![
        Change::Checkpoint { cursor: ODD.to_owned(), value: ODD.to_owned() },
        Change::Remember { cursor: ODD.to_owned(), hour: 491_000, ids: vec![1] },
    ];
    store.commit(store.fence(), ODD, changes).await.unwrap();
    drop(store);
    for arguments in [&["show"][..], &["show", "--json"], &["reset"], &["reset", "--yes"]] {
        let said = state(&scene, arguments);
        assert_plain(&said);
        assert!(said.out.contains("ERROR forged"), "{}", said.out);
    }
}
