//! Calls around the task, and where each answer goes.

use std::time::Duration;

use quittance_core::StoreError;
use tokio::time::Instant;

use crate::{
    AwsError, Message, Rejected,
    held::{Work, engine::Engine, holdings::MessageKey},
};

/// What a call brings back.
pub(super) enum Called {
    Received(Result<Vec<Message>, AwsError>),
    /// The messages, each with the handle that it was deleted by.
    Deleted(Vec<(MessageKey, String)>, Result<Vec<Rejected>, AwsError>),
    /// The messages, each with the handle that it was hidden by.
    Extended(Vec<(MessageKey, String)>, Result<Vec<Rejected>, AwsError>),
    Returned(Result<Vec<Rejected>, AwsError>),
    /// The message by its id. The way back if it could not be set aside, or could not be deleted after it was.
    SetAside(String, Option<(String, Duration)>),
    Marked(Result<(), StoreError>),
}

impl<W: Work> Engine<W> {
    pub(super) fn called(&mut self, called: Called, now: Instant) {
        match called {
            Called::Received(Ok(messages)) => self.received(messages, now),
            Called::Received(Err(error)) => self.not_received(error, now),
            Called::Deleted(batch, result) => self.deleted(batch, result, now),
            Called::Extended(batch, result) => self.extended(batch, result, now),
            Called::Returned(result) => self.returned(result),
            Called::SetAside(id, back) => self.was_set_aside(&id, back),
            Called::Marked(result) => self.marked(result),
        }
    }
}
