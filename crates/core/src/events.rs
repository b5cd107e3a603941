//! Events that travel together: one shared buffer, and where in it each event lies.

use bytes::Bytes;

use crate::{Tag, TagId, Tags};

/// One event: its bytes as the source wrote them, and its tag.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// The payload; a newline in it is the sender's to frame.
    pub bytes: &'a [u8],
    /// Index of its tag in [`Events::tags`].
    pub tag: u16,
}

#[derive(Clone, Copy)]
struct Place {
    start: u32,
    end: u32,
    tag: u16,
}

/// How many events and bytes one tag has in a batch.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Share {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// Events over one shared buffer; nothing in it is allocated for a single event.
pub struct Events {
    buffer: Bytes,
    places: Vec<Place>,
    tags: Vec<Tag>,
    shares: Vec<Share>,
}

impl Events {
    /// Every event, in the order of the source.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.iter_from(0)
    }

    /// The events from index `first` on; none if there are not so many.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = Event<'_>> {
        let event = |p: &Place| Event { bytes: &self.buffer[p.start as usize..p.end as usize], tag: p.tag };
        self.places.get(first..).unwrap_or_default().iter().map(event)
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Memory that these events keep alive, in bytes: the whole buffer, not only the payloads.
    pub fn footprint(&self) -> usize {
        self.buffer.len() + self.places.len() * size_of::<Place>()
    }

    /// Bytes of all payloads.
    pub fn payload(&self) -> u64 {
        self.shares.iter().map(|share| share.bytes).sum()
    }

    /// The tags in use; an event names one by its index.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    pub(crate) fn shares(&self) -> impl Iterator<Item = (&Tag, Share)> {
        self.tags.iter().zip(self.shares.iter().copied())
    }
}

/// Collects the places of events in a buffer that is still being filled.
pub struct EventsBuilder {
    tags: Tags,
    places: Vec<Place>,
    used: Vec<Tag>,
    shares: Vec<Share>,
    /// Index in `used`, by tag id; `NONE` for a tag that this batch has not.
    index: Vec<u16>,
}

const NONE: u16 = u16::MAX;

impl EventsBuilder {
    /// A builder for events tagged from `tags`.
    pub fn new(tags: Tags) -> Self {
        EventsBuilder { tags, places: Vec::new(), used: Vec::new(), shares: Vec::new(), index: Vec::new() }
    }

    /// Adds the event at `start..end` of the buffer.
    ///
    /// A buffer is smaller than 4 GiB and holds fewer than 65,535 different tags; the caller cuts it long before.
    pub fn push(&mut self, start: usize, end: usize, tag: TagId) {
        let at = tag.0 as usize;
        if at >= self.index.len() {
            self.index.resize(at + 1, NONE);
        }
        if self.index[at] == NONE {
            self.index[at] = u16::try_from(self.used.len()).expect("a buffer holds fewer tags");
            self.used.push(self.tags.tag(tag));
            self.shares.push(Share::default());
        }
        let tag = self.index[at];
        let share = &mut self.shares[tag as usize];
        share.events += 1;
        share.bytes += (end - start) as u64;
        let place = |at: usize| u32::try_from(at).expect("a buffer is smaller than 4 GiB");
        self.places.push(Place { start: place(start), end: place(end), tag });
    }

    /// Number of events so far.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The events over their finished buffer; the builder is empty again.
    pub fn finish(&mut self, buffer: Bytes) -> Events {
        self.index.clear();
        let room = self.places.len();
        Events {
            buffer,
            places: std::mem::replace(&mut self.places, Vec::with_capacity(room)),
            tags: std::mem::take(&mut self.used),
            shares: std::mem::take(&mut self.shares),
        }
    }
}
