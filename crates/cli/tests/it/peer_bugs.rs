//! docs/peer-bugs.md: every bug of others that we know of has a test of ours.

use std::{collections::BTreeMap, fs, path::Path};

/// How many bugs there are.
const BUGS: u32 = 60;

/// The cells of each line, by its number.
fn rows(page: &str) -> BTreeMap<u32, Vec<&str>> {
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse() else { continue };
        assert_eq!(cells.len(), 4, "{cells:?}");
        assert!(rows.insert(number, cells).is_none(), "{number} stands twice");
    }
    rows
}

/// The tests that a cell names: file and function.
fn tests(cell: &str) -> Vec<(&str, &str)> {
    let names = cell.split("<br>").map(|name| name.trim_matches('`'));
    names.map(|name| name.split_once("::").unwrap_or_else(|| panic!("`{name}` is no file::test"))).collect()
}

#[test]
fn every_bug_has_tests_that_exist() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let page = fs::read_to_string(root.join("docs/peer-bugs.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.keys().copied().eq(1..=BUGS), "{:?}", rows.keys());
    for (number, cells) in rows {
        assert!(!cells[1].is_empty() && cells[2].contains('/'), "{number} says what went wrong, and where");
        for (file, test) in tests(cells[3]) {
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{number}: {file}: {error}"));
            assert!(text.contains(&format!("fn {test}(")), "{number}: there is no `{test}` in {file}");
        }
    }
}
