//! The dependency arrows between the crates: who may know whom. ARCHITECTURE.md says why.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result};
use serde_json::Value;

/// What a crate is, by its folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Core,
    Formats,
    Fuzz,
    Devo,
    State,
    Aws,
    Service,
    Collector,
    Monitor,
    Server,
    Cli,
    Testbed,
    Tests,
    Xtask,
}

impl Role {
    fn of(folder: &str) -> Option<Role> {
        Some(match folder {
            "crates/core" => Role::Core,
            "crates/formats" => Role::Formats,
            "crates/fuzz" => Role::Fuzz,
            "crates/devo" => Role::Devo,
            "crates/state" => Role::State,
            "crates/aws" => Role::Aws,
            "crates/collector" => Role::Collector,
            "crates/monitor" => Role::Monitor,
            "crates/server" => Role::Server,
            "crates/cli" => Role::Cli,
            "crates/testbed" => Role::Testbed,
            "tests" => Role::Tests,
            "xtask" => Role::Xtask,
            _ => match folder.strip_prefix("crates/services/") {
                Some(name) if !name.contains('/') => Role::Service,
                _ => return None,
            },
        })
    }

    /// Whom crates of this role may depend on.
    fn may_know(self) -> &'static [Role] {
        use Role::*;
        match self {
            Core | Fuzz | Xtask => &[],
            Formats | Devo | State | Monitor => &[Core],
            Aws | Testbed => &[Core, Formats],
            Service => &[Core, Formats, Aws],
            Collector => &[Core, Formats, Devo, State, Aws, Service],
            Server => &[Core, Formats, Devo, State, Aws, Service, Collector, Monitor],
            Cli => &[Core, Formats, Devo, State, Aws, Service, Collector, Monitor, Server, Testbed],
            Tests => &[Core, Formats, Devo, State, Aws, Service, Collector, Monitor, Server, Cli, Testbed],
        }
    }

    /// Whether its own tests may use the testbed. Core and formats are tested by what they say alone.
    fn may_test_with_testbed(self) -> bool {
        !matches!(self, Role::Core | Role::Formats | Role::Fuzz | Role::Testbed | Role::Xtask)
    }

    /// Beginnings of the names of other people's crates that it must not use.
    fn must_not_use(self) -> &'static [&'static str] {
        match self {
            Role::Core => &["aws-", "rusqlite", "libsqlite3-sys", "rustls", "tokio-rustls", "hyper"],
            Role::Formats => &["aws-", "rusqlite", "tokio", "rustls", "hyper"],
            Role::Devo => &["aws-config", "aws-credential-types", "aws-sdk-", "aws-smithy-", "aws-types", "rusqlite"],
            Role::State => &["aws-", "rustls", "hyper"],
            Role::Aws | Role::Service => &["rusqlite"],
            _ => &[],
        }
    }
}

/// An arrow that must not be.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    /// A crate in a folder that no rule speaks of.
    UnknownFolder { name: String, folder: String },
    /// Between two crates of the workspace.
    Arrow { from: String, to: String, kind: String, allowed: Vec<String> },
    /// To a crate from elsewhere.
    Foreign { from: String, to: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::UnknownFolder { name, folder } => {
                write!(f, "`{name}` is in `{folder}`, for which xtask/src/arrows.rs has no rule: add one")
            }
            Violation::Arrow { from, to, kind, allowed } if allowed.is_empty() => {
                write!(f, "`{from}` must not have `{to}` as a {kind}: it may depend on no crate of the workspace")
            }
            Violation::Arrow { from, to, kind, allowed } => {
                write!(f, "`{from}` must not have `{to}` as a {kind}: it may depend only on {}", allowed.join(", "))
            }
            Violation::Foreign { from, to } => write!(f, "`{from}` must not depend on `{to}`"),
        }
    }
}

/// Every violation in what `cargo metadata --no-deps` says.
pub(crate) fn violations(metadata: &Value) -> Result<Vec<Violation>> {
    let root = metadata["workspace_root"].as_str().context("metadata without `workspace_root`")?;
    let packages = metadata["packages"].as_array().context("metadata without `packages`")?;
    let mut found = Vec::new();
    let mut roles = BTreeMap::new();
    for package in packages {
        let name = text(package, "name")?;
        let manifest = text(package, "manifest_path")?;
        let folder = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/');
        let folder = folder.strip_suffix("/Cargo.toml").unwrap_or(folder);
        match Role::of(folder) {
            Some(role) => _ = roles.insert(name, role),
            None => found.push(Violation::UnknownFolder { name: name.to_owned(), folder: folder.to_owned() }),
        }
    }
    for package in packages {
        let from = text(package, "name")?;
        let Some(&role) = roles.get(from) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(dependency, "name")?;
            let kind = dependency["kind"].as_str();
            match roles.get(to) {
                Some(&other) => {
                    let may_test_with = match other {
                        // Whatever reads outside bytes is fuzzed.
                        Role::Fuzz => role != Role::Xtask,
                        Role::Testbed => role.may_test_with_testbed(),
                        _ => false,
                    };
                    let in_tests = kind == Some("dev") && may_test_with;
                    if !role.may_know().contains(&other) && !in_tests {
                        found.push(Violation::Arrow {
                            from: from.to_owned(),
                            to: to.to_owned(),
                            kind: kind.map_or("dependency".to_owned(), |kind| format!("{kind}-dependency")),
                            allowed: names(&roles, role),
                        });
                    }
                }
                None if role.must_not_use().iter().any(|beginning| to.starts_with(beginning)) => {
                    found.push(Violation::Foreign { from: from.to_owned(), to: to.to_owned() });
                }
                None => {}
            }
        }
    }
    Ok(found)
}

/// The crates that one of this role may depend on, as a reader knows them.
fn names(roles: &BTreeMap<&str, Role>, role: Role) -> Vec<String> {
    let allowed = |other: &Role| role.may_know().contains(other);
    roles.iter().filter(|(_, other)| allowed(other)).map(|(name, _)| format!("`{name}`")).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("metadata without `{key}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workspace::Workspace;

    /// Metadata of packages given as (folder, [(dependency, kind)]); a package is named like its folder's last part.
    fn metadata(packages: &[(&str, &[(&str, &str)])]) -> Value {
        let packages: Vec<_> = packages
            .iter()
            .map(|(folder, dependencies)| {
                let dependencies: Vec<_> = dependencies
                    .iter()
                    .map(|(name, kind)| match *kind {
                        "normal" => json!({ "name": name, "kind": null }),
                        kind => json!({ "name": name, "kind": kind }),
                    })
                    .collect();
                json!({
                    "name": folder.rsplit('/').next(),
                    "manifest_path": format!("/w/{folder}/Cargo.toml"),
                    "dependencies": dependencies,
                })
            })
            .collect();
        json!({ "workspace_root": "/w", "packages": packages })
    }

    /// The violations, as lines.
    fn check(packages: &[(&str, &[(&str, &str)])]) -> Vec<String> {
        violations(&metadata(packages)).expect("the metadata is whole").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn this_workspace_keeps_its_arrows() {
        let workspace = Workspace::load().expect("cargo metadata works");
        assert_eq!(violations(&workspace.metadata).expect("the metadata is whole"), []);
    }

    #[test]
    fn the_arrows_of_the_design_are_allowed() {
        let everything = check(&[
            ("crates/core", &[("tokio", "normal")]),
            ("crates/formats", &[("flate2", "normal")]),
            ("crates/devo", &[("core", "normal"), ("testbed", "dev")]),
            ("crates/state", &[("core", "normal"), ("rusqlite", "normal")]),
            ("crates/aws", &[("core", "normal"), ("formats", "normal"), ("aws-sdk-s3", "normal"), ("testbed", "dev")]),
            (
                "crates/services/audit",
                &[("aws", "normal"), ("core", "normal"), ("formats", "normal"), ("testbed", "dev")],
            ),
            ("crates/collector", &[("audit", "normal"), ("aws", "normal"), ("devo", "normal"), ("state", "normal")]),
            ("crates/testbed", &[("core", "normal"), ("aws-sdk-s3", "dev")]),
            ("crates/server", &[("collector", "normal"), ("testbed", "dev")]),
            ("crates/cli", &[("collector", "normal"), ("server", "normal"), ("testbed", "normal")]),
            ("tests", &[("testbed", "normal"), ("cli", "dev")]),
            ("xtask", &[("anyhow", "normal")]),
        ]);
        assert_eq!(everything, Vec::<String>::new());
    }

    #[test]
    fn services_know_neither_each_other_nor_a_sender_nor_a_store() {
        let found = check(&[
            ("crates/core", &[]),
            ("crates/devo", &[]),
            ("crates/state", &[]),
            ("crates/services/metrics", &[]),
            ("crates/services/audit", &[("metrics", "normal"), ("devo", "normal"), ("state", "build")]),
        ]);
        assert_eq!(
            found,
            [
                "`audit` must not have `metrics` as a dependency: it may depend only on `core`",
                "`audit` must not have `devo` as a dependency: it may depend only on `core`",
                "`audit` must not have `state` as a build-dependency: it may depend only on `core`",
            ]
        );
    }

    #[test]
    fn aws_devo_and_state_do_not_know_each_other() {
        let found = check(&[
            ("crates/aws", &[("devo", "normal")]),
            ("crates/devo", &[("state", "dev"), ("aws-sdk-s3", "normal")]),
            ("crates/state", &[("aws", "normal")]),
        ]);
        assert_eq!(
            found,
            [
                "`aws` must not have `devo` as a dependency: it may depend on no crate of the workspace",
                "`devo` must not have `state` as a dev-dependency: it may depend on no crate of the workspace",
                "`devo` must not depend on `aws-sdk-s3`",
                "`state` must not have `aws` as a dependency: it may depend on no crate of the workspace",
            ]
        );
    }

    #[test]
    fn core_knows_no_cloud_no_disk_and_no_testbed() {
        let found = check(&[
            ("crates/core", &[("aws-config", "normal"), ("rusqlite", "dev"), ("testbed", "dev")]),
            ("crates/testbed", &[]),
        ]);
        assert_eq!(
            found,
            [
                "`core` must not depend on `aws-config`",
                "`core` must not depend on `rusqlite`",
                "`core` must not have `testbed` as a dev-dependency: it may depend on no crate of the workspace",
            ]
        );
    }

    #[test]
    fn only_tests_of_a_product_crate_know_the_testbed() {
        let found =
            check(&[("crates/collector", &[("testbed", "normal"), ("testbed", "dev")]), ("crates/testbed", &[])]);
        assert_eq!(
            found,
            ["`collector` must not have `testbed` as a dependency: it may depend on no crate of the workspace"]
        );
    }

    #[test]
    fn a_crate_in_an_unknown_folder_needs_a_rule() {
        let found = check(&[("crates/extra", &[])]);
        assert_eq!(found, ["`extra` is in `crates/extra`, for which xtask/src/arrows.rs has no rule: add one"]);
    }
}
