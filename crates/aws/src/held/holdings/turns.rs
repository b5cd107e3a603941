//! Whose turn it is in a FIFO queue: of a group, events are given in the order of its messages, and messages end in that
//! order.
//!
//! An item may be begun when all before it in its group were given, whether their receipts are back or not. When something
//! comes back, the group waits until nothing of it is under way, and goes on with the first that is owed: so what comes back
//! together is given again in order. A message that goes back to the queue takes all later ones of its group along.

use std::collections::BTreeMap;

use quittance_core::planted;

use crate::{
    Turn,
    held::{
        ItemKey,
        holdings::{Holdings, Item, MessageKey, Outcome, Stage},
    },
};

/// The messages of one group that are held, by their sequence number.
#[derive(Default)]
pub(super) struct Group {
    messages: BTreeMap<u128, MessageKey>,
    /// Something came back: nothing is begun before all that is under way has ended.
    waits: bool,
    /// The one item of the group that may stand in `Holdings::waiting`.
    next: Option<ItemKey>,
}

impl<I> Holdings<I> {
    /// A message takes its place. If an earlier one of its group is about to go back, so is this one.
    pub(super) fn line_up(&mut self, key: MessageKey) {
        let Some(Turn { group, sequence }) = self.turn(key).cloned() else { return };
        let messages = &mut self.groups.entry(group.clone()).or_default().messages;
        messages.insert(sequence, key);
        let leaving = |key: &MessageKey| self.messages.get(key).is_some_and(|held| held.leaving);
        if messages.range(..sequence).any(|(_, key)| leaving(key))
            && let Some(held) = self.messages.get_mut(&key)
        {
            held.leaving = true;
        }
        self.advance(&group);
    }

    /// A message is held no more.
    pub(super) fn step_out(&mut self, turn: &Turn) {
        let Some(group) = self.groups.get_mut(&turn.group) else { return };
        group.messages.remove(&turn.sequence);
        match group.messages.is_empty() {
            true => _ = self.groups.remove(&turn.group),
            false => self.advance(&turn.group),
        }
    }

    /// Whether no earlier message of its group is held; so it is outside of FIFO queues.
    pub(crate) fn is_first(&self, key: MessageKey) -> bool {
        let Some(group) = self.turn(key).and_then(|turn| self.groups.get(&turn.group)) else { return true };
        group.messages.first_key_value().is_none_or(|(_, first)| *first == key) || planted("turn-not-kept")
    }

    /// Whether groups wait for receipts.
    pub(crate) fn awaits_in_order(&self) -> bool {
        self.awaits() && !self.groups.is_empty()
    }

    /// What the first message of a group needs, now that it is the first.
    pub(crate) fn outcome_of_first(&mut self, group: &str) -> Option<Outcome> {
        let (_, first) = self.groups.get(group)?.messages.first_key_value()?;
        self.review_message(*first)
    }

    /// The message goes back to the queue: the later ones of its group shall follow it.
    pub(crate) fn take_along(&mut self, key: MessageKey) {
        let Some(Turn { group, sequence }) = self.turn(key).cloned() else { return };
        let Some(group) = self.groups.get(&group) else { return };
        for later in group.messages.range(sequence + 1..).map(|(_, later)| later) {
            let Some(held) = self.messages.get_mut(later) else { continue };
            held.leaving = true;
            held.items.iter().for_each(|item| self.waiting.remove(*item));
        }
    }

    /// Something of the item came back.
    pub(super) fn hold_up(&mut self, item: ItemKey) {
        if let Some(group) = self.group_of(item)
            && let Some(group) = self.groups.get_mut(&group)
        {
            group.waits = true;
        }
    }

    /// Lets the next item of a group be begun, if it is one's turn, and no other.
    pub(super) fn advance(&mut self, group: &str) {
        let Some(group) = self.groups.get_mut(group) else { return };
        let held = group.messages.values().filter_map(|key| self.messages.get(key));
        let items = held.flat_map(|held| held.items.iter().map(|item| (item, held.leaving)));
        let items = || items.clone().filter_map(|(key, leaving)| Some((*key, leaving, self.items.get(key)?)));
        group.waits &= items().any(|(_, _, item)| item.is_under_way());
        let next = items().find(|(_, _, item)| !item.was_given()).filter(|(_, leaving, item)| {
            let is_open = item.stage == Stage::Open && !item.is_under_way();
            is_open && !leaving && !group.waits && !self.stopping
        });
        let next = next.map(|(key, _, item)| (key, item.not_before));
        // Whose turn it was may have to let an earlier one pass that came back.
        if let Some(before) = std::mem::replace(&mut group.next, next.map(|(key, _)| key)) {
            self.waiting.remove(before);
        }
        if let Some((key, at)) = next {
            self.waiting.set(key, at);
        }
    }

    /// The group of an item's message, in a FIFO queue.
    pub(super) fn group_of(&self, item: ItemKey) -> Option<String> {
        Some(self.turn(self.items.get(&item)?.message)?.group.clone())
    }

    fn turn(&self, key: MessageKey) -> Option<&Turn> {
        self.messages.get(&key)?.turn.as_ref()
    }
}

impl<I> Item<I> {
    /// Whether everything of it is confirmed, or on its way.
    fn was_given(&self) -> bool {
        let given = self.stage == Stage::Closed || (self.stage == Stage::Open && self.owed.is_empty());
        given && self.dead.is_none()
    }

    fn is_under_way(&self) -> bool {
        self.stage == Stage::Reading || self.lent != self.settled
    }
}
