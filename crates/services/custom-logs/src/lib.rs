//! `custom-logs`.
