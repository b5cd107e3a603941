//! What a user may have meant.

use strsim::osa_distance;

/// The name that is most like `written`, if one is like it at all.
pub(crate) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Names are short; whatever is not cannot be one.
    let written: String = written.chars().take(64).map(folded).collect();
    let distance = |name: &str| osa_distance(&written, &name.chars().map(folded).collect::<String>());
    let (distance, name) = names.into_iter().map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    (distance <= 1.max(written.chars().count().max(name.len()) / 3)).then_some(name)
}

/// `Audit_Events` and `audit-events` are the same slip of the pen.
fn folded(c: char) -> char {
    match c {
        '-' | ' ' => '_',
        c => c.to_ascii_lowercase(),
    }
}
