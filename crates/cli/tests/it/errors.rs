//! `quittance errors`, and the page that is made of it.

use std::collections::HashSet;

use serde_json::Value;

use crate::scene::quittance;

#[test]
fn every_code_has_a_number_of_its_own_and_says_what_to_do() {
    let codes: Vec<Value> = serde_json::from_str(&quittance(&["errors", "--json"]).out).expect("JSON");
    let numbers: HashSet<u64> = codes.iter().filter_map(|code| code["id"].as_u64()).collect();
    assert!(codes.len() > 60 && numbers.len() == codes.len(), "{} codes, {} numbers", codes.len(), numbers.len());
    for code in &codes {
        for field in ["message", "cause", "solution", "concerns"] {
            assert!(code[field].as_str().is_some_and(|text| text.len() > 8), "{code}");
        }
    }
    let families: HashSet<&str> = codes.iter().filter_map(|code| code["type"].as_str()).collect();
    for family in ["InitVariables", "Setup", "PrePull", "Pull", "SaveState", "Api"] {
        assert!(families.contains(&*format!("{family}Error")), "{family}");
    }
}

#[test]
fn a_code_is_explained_by_its_name_or_its_number() {
    let named = quittance(&["errors", "setuperror104"]);
    assert!(named.out.starts_with("SetupError104: a permission is missing\n"), "{}", named.out);
    assert_eq!(quittance(&["errors", "104"]).out, named.out);
    let none = quittance(&["errors", "PullError999"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("there is no code `PullError999`"), "{}", none.err);
}

#[test]
fn the_page_is_what_the_code_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let written = std::fs::read_to_string(page).expect("docs/errors.md");
    assert_eq!(written, quittance(&["errors", "--markdown"]).out, "run `quittance errors --markdown > docs/errors.md`");
}
