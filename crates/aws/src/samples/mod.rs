//! What would become of samples: the same framers, routers and filters as in a run, without a source and without a destination.

mod canned;
mod judge;

pub(crate) use canned::Canned;
pub(crate) use judge::{body, not_judged, object, pages, takes_body, takes_object, takes_pages};
