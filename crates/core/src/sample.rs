//! Samples of what a source holds, and what becomes of their events.

use std::sync::Arc;

use crate::Tag;

/// Something that a source may hold, to see what would become of it.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Its name where the source gives names, as the key of an object.
    pub name: String,
    /// The name of what it lies in, as a bucket; may be empty.
    pub place: String,
    /// The number of the account that pulls, for events that do not say theirs.
    pub account: String,
    /// What it holds, as the source would give it.
    pub bytes: Vec<u8>,
}

/// An event of a [`Sample`], and what would become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The bytes that would be sent, or that are not.
    pub event: Vec<u8>,
    /// Its tag.
    pub tag: Tag,
    /// Whether it would be sent.
    pub sent: bool,
    /// Why it would be set aside instead, if it would.
    pub aside: Option<String>,
    /// The user's filter that decided, if one did.
    pub filter: Option<Arc<str>>,
    /// Whether that filter masked a part of it.
    pub masked: bool,
}
