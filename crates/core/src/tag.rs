//! Devo tags: the table that an event is bound for, and the account and region behind it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A tag that is safe on the wire: two or more levels of `[A-Za-z0-9_-]`, joined by dots.
///
/// The header of an event is split at spaces and its tag ends at a colon, so a tag with either would
/// forge a frame; a value of this type cannot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TagError {
    /// A tag has at least two levels.
    #[error("tag `{0}` needs at least two levels, as in `my.app`")]
    TooFewLevels(String),
    /// Something that may not stand in a level.
    #[error("tag `{0}` may hold only letters, digits, `_`, `-` and dots between its levels")]
    BadLevel(String),
}

impl Tag {
    /// Checks `text` and makes it a tag.
    pub fn new(text: &str) -> Result<Self, TagError> {
        let level = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !text.contains('.') {
            return Err(TagError::TooFewLevels(text.escape_debug().to_string()));
        }
        if !text.split('.').all(level) {
            return Err(TagError::BadLevel(text.escape_debug().to_string()));
        }
        Ok(Tag(text.into()))
    }

    /// The tag as it stands in a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Devo table: the first four levels.
    pub fn table(&self) -> &str {
        self.0.match_indices('.').nth(3).map_or(&self.0, |(at, _)| &self.0[..at])
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A tag of one unit's [`Tags`], small enough for every event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TagId(pub(crate) u32);

/// The tags that a unit has met. Shared by its tasks; an event carries only a [`TagId`].
#[derive(Clone, Default)]
pub struct Tags(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    ids: HashMap<Tag, TagId>,
    tags: Vec<Tag>,
}

impl Tags {
    /// The id of `tag`, the same one for every call.
    pub fn id(&self, tag: &Tag) -> TagId {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.ids.get(tag) {
            return *id;
        }
        let id = TagId(u32::try_from(known.tags.len()).expect("fewer than four thousand million tags"));
        known.tags.push(tag.clone());
        known.ids.insert(tag.clone(), id);
        id
    }

    /// The same, but `None` for a tag that is not among them yet if there are `most` already.
    pub fn id_within(&self, tag: &Tag, most: usize) -> Option<TagId> {
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.tags.len() >= most {
                return known.ids.get(tag).copied();
            }
        }
        Some(self.id(tag))
    }

    /// The tag with that id.
    pub fn tag(&self, id: TagId) -> Tag {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tags[id.0 as usize].clone()
    }
}
