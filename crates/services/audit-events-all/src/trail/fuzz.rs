//! Whatever an object and its key are: however it comes in pieces its events are the same, and its key chooses no tag.

use quittance_aws::{
    KeyFilter, ObjectRef, TagTemplate, Whereabouts,
    objects::{ObjectKind, Opened, Route, Selection},
};
use quittance_core::Tags;
use quittance_formats::{FormatError, Frame};
use quittance_fuzz::{cuts, fuzz};
use quittance_testbed::generate::{Origin, cloudtrail};

use super::Trail;

/// Between a key and an object.
const BORDER: &[u8] = b"\n\n";

fn seed(key: &str, content: &[u8]) -> Vec<u8> {
    [key.as_bytes(), BORDER, content].concat()
}

/// Events, each with its tag.
type Given = Vec<(String, Vec<u8>)>;

/// The events of an object that comes in pieces, each with its tag; `None` if it is none to read.
fn read(kind: &dyn ObjectKind, key: &str, content: &[u8], cuts: &[usize]) -> Option<Result<Given, FormatError>> {
    let object = ObjectRef::new("bucket", key);
    kind.claim(&object);
    if let Selection::Skip(_) = kind.select(&object) {
        return None;
    }
    let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
    let tags = Tags::default();
    let Opened { mut framer, mut router, .. } = kind.open(&object, &at, &tags, 1 << 20);
    let (mut events, mut held, mut from) = (Vec::new(), Vec::new(), 0);
    for (n, to) in cuts.iter().copied().chain([content.len()]).enumerate() {
        held.extend_from_slice(&content[from..to]);
        from = to;
        let mut frames = Vec::new();
        let framed = framer.frame(&held, n == cuts.len(), &mut frames);
        for frame in frames {
            let Frame::Event { start, end } = frame else { panic!("{frame:?} within a limit that nothing reaches") };
            let (Route::Send(id) | Route::Drop(id)) = router.route(&held[start..end]);
            events.push((tags.tag(id).to_string(), held[start..end].to_vec()));
        }
        match framed {
            Ok(consumed) => drop(held.drain(..consumed)),
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(events))
}

#[test]
fn objects() {
    let mut rng = fastrand::Rng::with_seed(5);
    let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
    let records = crate::record::RecordRoutes {
        template: TagTemplate::new("cloud.aws.cloudtrail.{event_type}.{account}.{region}", "events").unwrap(),
        drop_event_names: vec!["Decrypt".to_owned()],
        from_event: true,
        own: None,
    };
    let kind = Trail { records, filter: KeyFilter::default(), audited: None, trails: None };
    let digest = br#"{"awsAccountId":"111122223333","digestStartTime":"2026-01-15T12:00:00Z","logFiles":[]} "#;
    let seeds = [
        seed(&cloudtrail::key(&mut rng, &origin), &cloudtrail::object(&mut rng, &origin, 0, 2)),
        seed("renamed.json", digest),
        seed(
            "AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/x",
            br#"{"Records":[{"eventSource":"a.b","awsRegion":7}]}"#,
        ),
    ];
    fuzz("objects", seeds, |input| {
        let place = input.windows(BORDER.len()).position(|part| part == BORDER);
        let (key, content) = place.map_or((&b""[..], input), |at| (&input[..at], &input[at + BORDER.len()..]));
        let key = String::from_utf8_lossy(key);
        let whole = read(&kind, &key, content, &[]);
        assert_eq!(read(&kind, &key, content, &cuts(content)), whole, "cut at {:?}", cuts(content));
        for (tag, _) in whole.into_iter().flatten().flatten() {
            assert!(tag.starts_with("cloud.aws.cloudtrail.") && tag.split('.').count() == 6, "{tag}");
        }
    });
}
