//! Configurations that hold anything: all that is wrong is told at its place, and no secret is.

use std::path::Path;

use quittance_collector::config::{Config, Examined, Problem};
use quittance_fuzz::fuzz;

use crate::support::{GOOD, environment, examine};

/// In every place where a secret may stand.
const SECRET: &str = "Zq7Secret";

fn secretive() -> String {
    GOOD.replace("not-really", SECRET).replace(
        "    access_key:",
        &format!("    proxy: http://user:{SECRET}@proxy:80\n    session_token: {SECRET}\n    access_key:").replacen(
            "    proxy",
            "    x-proxy",
            1,
        ),
    )
}

const SERVER: &str = r#"{"global_overrides": {"debug": true}, "inputs": {"aws": {"id": "12351", "enabled": true,
  "credentials": {"access_key": "AKIA", "access_secret": "Zq7Secret", "base_assume_role": ""},
  "services": {"service-events-all": {"cloudwatch_sqs_queue_name": "\u0071", "regions": ["eu-west-1"]}}}}}"#;

/// Every problem stands in the file, says something, and nothing in it is a terminal's to obey.
fn told(examined: &Examined, text: &str) -> String {
    // YAML ends lines in more ways than others do.
    let lines = text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 2;
    for problem in &examined.problems.all {
        let Problem { at, message, .. } = problem;
        assert!(!message.is_empty() && at.line <= lines, "{problem} of {lines} lines");
    }
    assert_eq!(examined.config.is_some(), examined.problems.errors() == 0, "{}", examined.problems);
    let told = examined.problems.to_string();
    let odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!told.contains(odd), "{told:?}");
    assert_eq!(told.trim_end().lines().count() >= examined.problems.all.len(), true);
    told
}

#[test]
fn configurations() {
    let bombs = "a: &a [x, x]\nb: &b [*a, *a]\nc: {<<: *b, d: ${SECRET}}\n";
    let seeds =
        [GOOD, SERVER, bombs, &secretive(), include_str!("example.yaml"), "inputs: {\"a\": [1, 'b', |\n x\n]}\n"];
    fuzz("configurations", seeds, |input| {
        let examined = Config::examine_text(input, Path::new("config.yaml"), &environment);
        let text = String::from_utf8_lossy(input);
        let told = told(&examined, &text);
        // Shown whole, but for its secrets.
        let shown = examined.config.map(|config| format!("{config:?}")).unwrap_or_default();
        // A secret that still stands behind its own key is told nowhere.
        for key in ["access_secret", "session_token"] {
            if text.matches(SECRET).count() == 1 && text.contains(&format!("    {key}: {SECRET}\n")) {
                assert!(!told.contains(SECRET), "{told}");
                assert!(!shown.contains(SECRET), "{shown}");
            }
        }
    });
}

/// The same words in YAML and in JSON are the same configuration, or are wrong in the same way.
#[test]
fn json() {
    fuzz("json", [SERVER, r#"{"a":"\ud83d\ude00\/","b":[1.5e3,null,true,-0],"":{}}"#], |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let examined = examine(text);
        told(&examined, text);
        // Whatever JSON is is read, however its texts are escaped: what is wrong is wrong in what it says.
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
            && !text.contains('\u{feff}')
        {
            let told = examined.problems.to_string();
            let odd = told
                .lines()
                .find(|line| line.contains("no YAML") && !line.contains("recursion") && !line.contains("more values"));
            assert_eq!(odd, None);
        }
    });
}
