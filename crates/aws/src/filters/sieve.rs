//! Filters at work.

use std::{collections::HashMap, ops::Range, sync::Arc};

use quittance_core::{EventId, Tag, TagId, Tags};
use quittance_formats::{Cells, Renamed, fields, mask, paths::Walk};

use super::{
    Filters, Part,
    condition::{Subject, cell},
};
use crate::{ObjectRef, Route, Tagger, Whereabouts, windows::event_id};

/// Filters at work on the events of one object, queue or cursor.
pub(crate) struct Sieve {
    filters: Arc<Filters>,
    view: View,
    /// Where each filter sends, once that was asked.
    routes: Vec<Option<TagId>>,
    spans: Vec<Range<usize>>,
}

/// What becomes of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// Where it goes.
    pub(crate) route: Route,
    /// The number of the filter that decided.
    pub(crate) by: Option<usize>,
    /// Whether a part of it is to be [masked](Sieve::mask) before it goes.
    pub(crate) masks: bool,
}

impl Verdict {
    /// As the service says.
    pub(crate) fn plain(route: Route) -> Verdict {
        Verdict { route, by: None, masks: false }
    }
}

/// What conditions look at.
pub(super) struct View {
    at: Whereabouts,
    object: Option<(String, String)>,
    tags: Tags,
    /// The event's own.
    tag: Option<TagId>,
    known: HashMap<TagId, Tag>,
    cells: Option<Cells>,
    /// Where the columns stand that are asked for.
    places: Vec<Option<usize>>,
    walk: Walk,
    walked: bool,
    /// From where on the event is no JSON, though it begins so.
    damage: Option<usize>,
}

impl Sieve {
    /// For the events of an object, if it is one, and of what is read at `at`; `None` if there is nothing to filter by.
    pub(crate) fn new(
        filters: &Arc<Filters>,
        at: &Whereabouts,
        object: Option<&ObjectRef>,
        tags: &Tags,
    ) -> Option<Sieve> {
        if filters.is_empty() {
            return None;
        }
        let at = object.map_or_else(|| at.clone(), |object| at.refined_by_key(&object.key));
        let view = View {
            at,
            object: object.map(|object| (object.bucket.clone(), object.key.clone())),
            tags: tags.clone(),
            tag: None,
            known: HashMap::new(),
            cells: None,
            places: filters.columns.places(),
            walk: Walk::default(),
            walked: false,
            damage: None,
        };
        let (filters, routes) = (filters.clone(), vec![None; filters.all.len()]);
        Some(Sieve { filters, view, routes, spans: Vec::new() })
    }

    /// The events to come are rows, with this between their cells.
    pub(crate) fn rows(&mut self, cells: Option<Cells>) {
        self.view.cells = cells;
    }

    /// Columns are named anew.
    pub(crate) fn renamed(&mut self, renamed: &Renamed) {
        self.view.cells = Some(renamed.cells);
        self.view.places = self.filters.columns.places_below(renamed);
    }

    /// What becomes of an event that its service sends to `route`. `id` is what makes it itself, if that is not its text.
    pub(crate) fn judge(&mut self, event: &[u8], id: Option<EventId>, route: Route) -> Verdict {
        let Route::Send(tag) = route else { return Verdict::plain(route) };
        let Sieve { filters, view, routes, .. } = self;
        view.begin(tag);
        let Some((by, filter)) =
            filters.all.iter().enumerate().find(|(_, filter)| filter.when.holds(filters, view, event))
        else {
            return Verdict::plain(route);
        };
        let sampled_out = |every: u64| !id.unwrap_or_else(|| event_id(&[event])).is_multiple_of(EventId::from(every));
        if filter.drop || filter.sample.is_some_and(sampled_out) {
            return Verdict { route: Route::Drop(tag), by: Some(by), masks: false };
        }
        let elsewhere = filter.route.as_ref().map(|template| {
            let to = || Tagger::new(template.clone(), view.at.clone(), view.tags.clone()).id(None, None, None);
            *routes[by].get_or_insert_with(to)
        });
        let masks = !filter.mask.is_empty() || !filter.mask_columns.is_empty();
        Verdict { route: Route::Send(elsewhere.unwrap_or(tag)), by: Some(by), masks }
    }

    /// Masks the event of the last verdict, which must say so: its bytes are overwritten, never more or fewer.
    pub(crate) fn mask(&mut self, event: &mut [u8], by: Option<usize>) {
        let Sieve { filters, view, spans, .. } = self;
        let Some(filter) = by.and_then(|by| filters.all.get(by)) else { return };
        if !filter.mask.is_empty() {
            view.walk(filters, event);
            spans.clear();
            let found = view.walk.found.iter().filter(|found| filter.mask.binary_search(&found.path).is_ok());
            spans.extend(found.map(|found| found.place.clone()));
            let mut end = 0;
            for span in spans.drain(..) {
                // What lies within another is overwritten with it.
                if span.end > end {
                    end = span.end;
                    mask::json(event, span);
                }
            }
            if let Some(damage) = view.damage {
                // Nobody knows what is there.
                event[damage..].fill(b'*');
            }
        }
        for column in &filter.mask_columns {
            if let Some((cells, index)) = view.cells.zip(view.places[*column])
                && let Some(place) = cells.find(event, index)
            {
                mask::text(event, place);
            }
        }
    }

    /// A filter's address in counts.
    pub(crate) fn name(&self, by: usize) -> &Arc<str> {
        &self.filters.all[by].name
    }
}

impl View {
    fn begin(&mut self, tag: TagId) {
        self.tag = Some(tag);
        self.walked = false;
    }

    /// Finds what the filters ask of JSON, once for each event.
    fn walk(&mut self, filters: &Filters, event: &[u8]) {
        if !self.walked {
            self.walked = true;
            self.damage = filters.paths.find(event, &mut self.walk).err();
        }
    }

    /// Whether some value of the subject meets `test`; objects and lists are values without a text.
    pub(super) fn any(
        &mut self,
        filters: &Filters,
        subject: Subject,
        event: &[u8],
        test: impl Fn(Option<&[u8]>) -> bool,
    ) -> bool {
        match subject {
            Subject::Field(path) => {
                self.walk(filters, event);
                let values = self.walk.found.iter().filter(|found| found.path == path);
                values.map(|found| &event[found.place.clone()]).any(|raw| match raw {
                    [b'"', inner @ ..] => match fields::text(raw) {
                        Some(text) => test(Some(text.as_bytes())),
                        None => test(Some(inner.strip_suffix(b"\"").unwrap_or(inner))),
                    },
                    [b'{' | b'[', ..] => test(None),
                    b"null" => false,
                    raw => test(Some(raw)),
                })
            }
            Subject::Column(column) => {
                let place = self.cells.zip(self.places[column]);
                place.and_then(|(cells, index)| cell(cells, event, index)).is_some_and(|text| test(Some(&text)))
            }
            Subject::Part(Part::Text) => test(Some(event)),
            Subject::Part(Part::Account) => test(Some(self.at.account.as_bytes())),
            Subject::Part(Part::Region) => test(Some(self.at.region.as_bytes())),
            Subject::Part(Part::Bucket) => {
                self.object.as_ref().is_some_and(|(bucket, _)| test(Some(bucket.as_bytes())))
            }
            Subject::Part(Part::Key) => self.object.as_ref().is_some_and(|(_, key)| test(Some(key.as_bytes()))),
            Subject::Part(Part::Tag) => self.tag.is_some_and(|id| {
                let tag = self.known.entry(id).or_insert_with(|| self.tags.tag(id));
                test(Some(tag.as_str().as_bytes()))
            }),
        }
    }
}
