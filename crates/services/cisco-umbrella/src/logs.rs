//! Objects of rows: what tells the kinds of logs apart, and how each is read.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use quittance_aws::{
    KeyFilter, ObjectRef, TagTemplate, Tagger, Whereabouts,
    objects::{Claim, ObjectKind, Opened, Route, Router, Selection},
};
use quittance_core::{TagId, Tags};
use quittance_formats::{Csv, Framer};
use tracing::warn;

use crate::{
    folders::{UNKNOWN, in_day, logs_of},
    rows::Rows,
};

/// Unknown folders that are remembered, to warn of each once. Keys decide how many there are, so there must be an end.
const MAX_WARNED: usize = 64;

pub(crate) struct Logs {
    template: TagTemplate,
    filter: KeyFilter,
    warned: Mutex<BTreeSet<String>>,
}

impl Logs {
    pub(crate) fn new(template: TagTemplate, filter: KeyFilter) -> Self {
        Logs { template, filter, warned: Mutex::default() }
    }

    fn warn_once(&self, object: &ObjectRef, folder: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < MAX_WARNED && !warned.contains(folder) {
            let shown = folder.escape_debug().to_string();
            warn!(folder = shown, %object, "a folder of logs that are not known: passed on, tagged as `{UNKNOWN}`");
            warned.insert(folder.to_owned());
        }
    }
}

impl ObjectKind for Logs {
    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if is_readme(&object.key) => Selection::Skip("words about the bucket, not logs"),
            None => Selection::Read,
        }
    }

    fn claim(&self, object: &ObjectRef) -> Claim {
        match logs_of(&object.key) {
            Ok(_) => Claim::Own,
            // A folder that nobody knows may be Umbrella's, if a day stands below it as in those that are known.
            Err(_) if in_day(&object.key) || is_readme(&object.key) => Claim::Rest,
            Err(_) => Claim::No,
        }
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let logs = logs_of(&object.key);
        if let Err(folder) = logs {
            self.warn_once(object, folder);
        }
        let mut tagger = Tagger::new(self.template.clone(), at.clone(), tags.clone());
        let tag = tagger.id(logs.ok().map(str::as_bytes), None, None);
        let framer: Box<dyn Framer> = match logs {
            Ok(_) => Box::new(Rows::new(max_event_bytes)),
            // Nobody knows what a first row of these looks like.
            Err(_) => Box::new(Csv::new(max_event_bytes)),
        };
        Opened { framer, router: Box::new(ToOne(tag)), json: false }
    }
}

/// As `README_FROM_UMBRELLA.txt`, which Umbrella puts into a bucket to see whether it may.
fn is_readme(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("readme"))
}

/// Every row of an object goes to one tag.
struct ToOne(TagId);

impl Router for ToOne {
    fn route(&mut self, _: &[u8]) -> Route {
        Route::Send(self.0)
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use quittance_formats::Frame;
    use quittance_testbed::generate::{Origin, umbrella};

    use super::*;

    fn logs() -> Logs {
        Logs::new(TagTemplate::new("sig.cisco.umbrella.{event_type}", UNKNOWN).unwrap(), KeyFilter::default())
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef::new("b", key)
    }

    /// The rows, and their tag.
    fn read(logs: &Logs, key: &str, content: &[u8]) -> (Vec<String>, String) {
        let (tags, mut frames) = (Tags::default(), Vec::new());
        let Opened { mut framer, mut router, json } = logs.open(&object(key), &Whereabouts::default(), &tags, 1 << 20);
        assert!(!json);
        framer.frame(content, true, &mut frames).unwrap();
        let row = |frame: Frame| {
            let Frame::Event { start, end } = frame else { panic!("{frame:?}") };
            String::from_utf8_lossy(&content[start..end]).into_owned()
        };
        let Route::Send(id) = router.route(b"row") else { panic!("nothing is dropped") };
        (frames.into_iter().map(row).collect(), tags.tag(id).to_string())
    }

    #[test]
    fn every_generated_row_is_an_event_under_the_tag_of_its_folder() {
        let mut rng = fastrand::Rng::with_seed(5);
        let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
        let expected = ["dns", "ip", "proxy", "firewall", "audit", "intrusion", "dlp"];
        for (log, name) in umbrella::Log::ALL.into_iter().zip(expected) {
            // Enough objects for some with a header, and with each number of columns.
            for n in 0..20 {
                let key = umbrella::key(&mut rng, &origin, log);
                let content = umbrella::object(&mut rng, &origin, log, n * 50, 50);
                assert_eq!(logs().select(&object(&key)), Selection::Read);
                let (rows, tag) = read(&logs(), &key, &content);
                assert_eq!((rows.len(), tag), (50, format!("sig.cisco.umbrella.{name}")), "{key}");
            }
        }
    }

    #[test]
    fn an_unknown_folder_is_passed_on_and_warned_of_once() {
        let logs = logs();
        let content = b"\"Time\",\"Who\"\n\"2026-01-15 12:00:00\",\"a\"\n";
        for _ in 0..3 {
            let (rows, tag) = read(&logs, "p/ravpnlogs/2026-01-15/x.csv.gz", content);
            assert_eq!((rows.len(), &*tag), (2, "sig.cisco.umbrella.unknown"));
        }
        assert_eq!(*logs.warned.lock().unwrap(), BTreeSet::from(["ravpnlogs".to_owned()]));
        for n in 0..1000 {
            read(&logs, &format!("f{n}/x.csv.gz"), content);
        }
        assert_eq!(logs.warned.lock().unwrap().len(), MAX_WARNED);
    }

    #[test]
    fn in_a_shared_queue_known_folders_are_claimed_and_the_rest_if_it_is_nobodys() {
        let claim = |key: &str| logs().claim(&object(key));
        assert_eq!(claim("p/dnslogs/2026-01-15/x.csv.gz"), Claim::Own);
        assert_eq!(claim("p/ztnalogs/2026-01-15/x.csv.gz"), Claim::Rest);
        assert_eq!(claim("p/README_FROM_UMBRELLA.txt"), Claim::Rest);
        for foreign in
            ["reports/2026/01/x.csv", "x.csv.gz", "2026-01-15/x.csv.gz", "p/2026-01-15", "p/2026-01-15/y/x.csv"]
        {
            assert_eq!(claim(foreign), Claim::No, "{foreign}");
        }
    }

    #[test]
    fn what_is_no_log_is_passed_over() {
        let skipped = |key: &str| matches!(logs().select(&object(key)), Selection::Skip(_));
        for key in ["README_FROM_UMBRELLA.txt", "8234970_0a1b/README_FROM_UMBRELLA.txt", "p/readme", "dnslogs/", "p/"] {
            assert!(skipped(key), "{key}");
        }
        for key in ["dnslogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", "readme/dnslogs/x.csv", "r\u{e9}adme.csv", "x"] {
            assert!(!skipped(key), "{key}");
        }
    }
}
