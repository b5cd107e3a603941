//! What a user may have meant.

use strsim::osa_distance;

/// The name that is most like `written`, if one is like it at all.
pub(crate) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let first = by_likeness(written, names).into_iter().next()?;
    let longer = written.chars().count().max(first.len());
    (distance(written, first) <= 1.max(longer / 3)).then_some(first)
}

/// The names, those that are most like `written` first.
pub(crate) fn by_likeness<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_cached_key(|name| distance(written, name));
    names
}

fn distance(written: &str, name: &str) -> usize {
    // Names are short; whatever is not cannot be one.
    let folded = |text: &str| text.chars().take(64).map(folded).collect::<String>();
    osa_distance(&folded(written), &folded(name))
}

/// `Audit_Events` and `audit-events` are the same slip of the pen.
fn folded(c: char) -> char {
    match c {
        '-' | ' ' => '_',
        c => c.to_ascii_lowercase(),
    }
}
