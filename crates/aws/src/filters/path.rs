//! Paths as a user writes them.

use quittance_formats::paths::{MAX_STEPS, Step};

/// `userIdentity.accountId`, `resources[0].ARN` or `resources.*.ARN`; or a JSON pointer, as in `/userIdentity/accountId`.
pub(super) fn steps(path: &str) -> Result<Vec<Step>, String> {
    let path = path.trim();
    let texts: Vec<String> = match path.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => {
            let path = path.strip_prefix("$.").unwrap_or(path);
            let dotted = path.replace("[]", ".*").replace('[', ".").replace(']', "");
            dotted.split('.').map(str::to_owned).collect()
        }
    };
    if texts.iter().any(String::is_empty) {
        let shown = path.escape_debug();
        return Err(format!("`{shown}` is no path: expected keys with dots between, as in `userIdentity.accountId`"));
    }
    if texts.len() > MAX_STEPS {
        return Err(format!("has {} steps: expected {MAX_STEPS} at most", texts.len()));
    }
    Ok(texts.into_iter().map(|text| if text == "*" { Step::Any } else { Step::Key(text) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_with_dots_or_as_a_pointer() {
        let key = |key: &str| Step::Key(key.to_owned());
        for (path, expected) in [
            ("eventName", vec![key("eventName")]),
            ("$.a.b", vec![key("a"), key("b")]),
            ("resources[0].ARN", vec![key("resources"), key("0"), key("ARN")]),
            ("resources[].ARN", vec![key("resources"), Step::Any, key("ARN")]),
            ("resources.*.ARN", vec![key("resources"), Step::Any, key("ARN")]),
            ("/a~1b/~0/*", vec![key("a/b"), key("~"), Step::Any]),
            ("/a.b[0]", vec![key("a.b[0]")]),
        ] {
            assert_eq!(steps(path), Ok(expected), "{path}");
        }
        for wrong in ["", "a..b", ".", "/", "a.", "[", &"a.".repeat(40)] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}
