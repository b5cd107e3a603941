//! What stands in a state may be damaged: it is then of no use, or says what can be true.

use quittance_fuzz::fuzz;

use super::{MarkWrite, Marks};

fn marks() -> Marks {
    Marks::new(vec!["devo_1".to_owned(), "devo_2".to_owned()])
}

#[test]
fn stored_marks() {
    let seeds = [
        r#"{"at":100,"outputs":["devo_1","devo_2"],"items":[{"version":"etag","seen":7,"fault":null,"owed":[[7,18446744073709551615,3]]}]}"#,
        r#"{"at":100,"outputs":["devo_1","devo_2"],"items":[{"version":null,"seen":9,"fault":9,"owed":[[0,1,1],[3,5,2],[5,9,1]]},{"version":null,"seen":0,"fault":null,"owed":[]}]}"#,
        r#"{"at":100,"outputs":["devo_1"],"items":[]}"#,
    ];
    fuzz("stored_marks", seeds, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let mut marks_of_now = marks();
        let Some(progress) = marks_of_now.recall("id".to_owned(), text.to_owned(), 200) else {
            assert_eq!(marks_of_now.next(), Some(MarkWrite::Remove { id: "id".to_owned() }));
            return;
        };
        for item in &progress {
            let mut before = 0;
            for (range, to) in item.owed.iter() {
                assert!(before <= range.start && range.start < range.end && !to.is_empty(), "{:?}", item.owed);
                // No bit stands for an output that there is not.
                assert!(to.bits() < 4, "{:?}", item.owed);
                before = range.end;
            }
            for event in [0, 1, 4, 7, 8, u64::MAX - 1] {
                let expected = item.owed.iter().find(|(range, _)| range.contains(&event)).map(|(_, to)| to.bits());
                assert_eq!(item.owed.to(event, &mut 0).bits(), expected.unwrap_or_default());
            }
        }
        // Written again, it says the same.
        let mut later = marks();
        later.keep("id", &progress, 150);
        let Some(MarkWrite::Save { text, .. }) = later.next() else { panic!("nothing is written") };
        assert_eq!(marks().recall("id".to_owned(), text, 200), Some(progress));
    });
}
