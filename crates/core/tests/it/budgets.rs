//! Room in memory: bounded, nested, and never a dead end.

use std::time::Duration;

use quittance_core::Budget;
use tokio::time::timeout;

async fn has_room(budget: &Budget, bytes: usize) -> bool {
    timeout(Duration::from_millis(1), budget.take(bytes)).await.is_ok()
}

/// What is small counts as its share, so that there are never more than were asked for.
#[tokio::test(start_paused = true)]
async fn events_may_be_bounded_as_well_as_bytes() {
    let budget = Budget::of_events(1 << 20, 10);
    assert_eq!(budget.weight(1000, 1), (1 << 20) / 10);
    assert_eq!(budget.weight(1 << 20, 1), 1 << 20, "what is large counts its bytes");
    let first = budget.take(budget.weight(1000, 9)).await;
    let second = tokio::time::timeout(std::time::Duration::from_secs(1), budget.take(budget.weight(1000, 2)));
    assert!(second.await.is_err(), "eleven have room");
    drop(first);
    drop(budget.take(budget.weight(1000, 50)).await);
}

#[tokio::test(start_paused = true)]
async fn room_is_taken_and_given_back() {
    let budget = Budget::new(10 << 10);
    let room = budget.take(8 << 10).await;
    assert_eq!(budget.used(), 8 << 10);
    assert!(!has_room(&budget, 4 << 10).await);
    assert!(has_room(&budget, 2 << 10).await);
    drop(room);
    assert_eq!(budget.used(), 0);
    assert!(has_room(&budget, 10 << 10).await);
}

#[tokio::test(start_paused = true)]
async fn more_than_everything_passes_alone() {
    let budget = Budget::new(10 << 10);
    let small = budget.take(1).await;
    assert!(!has_room(&budget, 1 << 30).await, "not while something else has room");
    drop(small);
    let large = budget.take(1 << 30).await;
    assert!(!has_room(&budget, 1).await);
    drop(large);
    assert!(has_room(&budget, 1).await);
}

#[tokio::test(start_paused = true)]
async fn an_inner_budget_is_bound_by_the_one_around_it() {
    let outer = Budget::new(10 << 10);
    let (one, other) = (outer.nested(8 << 10), outer.nested(8 << 10));
    let room = one.take(6 << 10).await;
    assert_eq!((one.used(), outer.used()), (6 << 10, 6 << 10));
    assert!(!has_room(&other, 6 << 10).await);
    assert_eq!(other.used(), 0, "a take that was given up holds nothing");
    assert!(has_room(&other, 4 << 10).await);
    drop(room);
    assert!(has_room(&other, 6 << 10).await);
}
