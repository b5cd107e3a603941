//! `metrics-all`.
