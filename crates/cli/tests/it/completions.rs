//! What shells complete.

use std::{fs, process::Command};

use crate::scene::quittance;

fn script(shell: &str) -> String {
    let said = quittance(&["completions", shell]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quittance.bash");
    fs::write(&file, script("bash")).unwrap();
    // Bash's own completion would call the function with these variables.
    let asked = format!(
        ". '{}'
        complete_as() {{ COMP_WORDS=(quittance \"$@\"); COMP_CWORD=$#; _quittance quittance \"${{@: -1}}\" \"\"; echo \"${{COMPREPLY[@]}}\"; }}
        complete_as che; complete_as check --conf; complete_as completions ''",
        file.display()
    );
    let said = Command::new("bash").args(["--norc", "-c", &asked]).output().unwrap();
    let lines: Vec<_> = String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}: {}", String::from_utf8_lossy(&said.stderr));
    assert_eq!((&*lines[0], &*lines[1]), ("check", "--config"));
    assert!(lines[2].contains("bash zsh fish"), "{lines:?}");
}

#[test]
fn other_shells_know_every_command_and_none_that_is_hidden() {
    for shell in ["zsh", "fish"] {
        let script = script(shell);
        for command in ["run", "check", "health", "quarantine", "completions"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
        let known = Command::new(shell).arg("-n").arg("-c").arg(&script).output();
        assert!(known.is_err() || known.is_ok_and(|said| said.status.success()), "{shell} reads it");
    }
}

#[test]
fn a_shell_that_is_not_known_is_said_with_those_that_are() {
    let said = quittance(&["completions", "tcsh"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("bash, zsh, fish"), "{}", said.err);
}
