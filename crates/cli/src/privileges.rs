//! Who a process becomes that is started as root in a container.
//!
//! Folders that are mounted into a container belong to whoever made them. Only root can tell who that is and make `state/`
//! writable, so the image starts as root; it looks once, and becomes somebody who can do nothing else.

use std::{
    env, fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

use anyhow::{Context, Result};
use rustix::{
    fs::{Gid, Uid},
    process::{DumpableBehavior, geteuid, set_dumpable_behavior},
    thread::{
        CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
        set_thread_res_uid,
    },
};

/// The variable of the image that names the user, and with the same number the group.
const RUN_AS: &str = "RUN_AS";

/// What is only read.
const READ: [&str; 3] = ["certs", "config", "credentials"];

/// What is written.
const STATE: &str = "state";

/// A user and a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    const ROOT: Owner = Owner { user: 0, group: 0 };

    fn of(path: &Path) -> io::Result<Owner> {
        let known = fs::metadata(path)?;
        Ok(Owner { user: known.uid(), group: known.gid() })
    }

    /// Whether it may read a file, or look into a folder.
    fn reads(self, path: &Path) -> io::Result<bool> {
        let known = fs::metadata(path)?;
        let needed = if known.is_dir() { 0o5 } else { 0o4 };
        let shift = match () {
            () if known.uid() == self.user => 6,
            () if known.gid() == self.group => 3,
            () => 0,
        };
        Ok((known.mode() >> shift) & needed == needed)
    }
}

/// Gives up everything but what reading the folders of a collector and writing its state take. Does nothing unless the
/// process is root, and `RUN_AS` in its environment names who is to do the work. Answers what a person should know of it.
///
/// Must be called before there is a second thread: each has an identity of its own.
pub(crate) fn give_up() -> Result<Option<String>> {
    let Some(usual) = env::var_os(RUN_AS) else { return Ok(None) };
    if !geteuid().is_root() {
        return Ok(None);
    }
    let usual = usual.to_str().and_then(|usual| usual.parse().ok());
    let usual = usual.with_context(|| format!("`{RUN_AS}` is the number of a user"))?;
    let home = env::current_dir().context("the working directory")?;
    let (owner, why) = match is_mapped() {
        // Root of a user namespace is an ordinary user outside, and the only one to whom the folders belong.
        true => (Owner::ROOT, None),
        false => choose(&home, Owner { user: usual, group: usual }),
    };
    // Refused where all capabilities were taken beforehand: then there is as little to give up.
    let owner = match become_owner(owner) {
        Ok(()) => owner,
        Err(_) => Owner::ROOT,
    };
    let nothing = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing })
        .and_then(|()| set_no_new_privs(true))
        .context("cannot give up the capabilities of root")?;
    // Otherwise `/proc/self` would belong to root.
    set_dumpable_behavior(DumpableBehavior::Dumpable).context("cannot own `/proc/self`")?;
    Ok(why.or_else(|| (owner == Owner::ROOT).then(|| "no other user was to be had".to_owned())).map(|why| {
        let Owner { user, .. } = owner;
        format!("runs as user {user} without any capability, not as {usual}: {why}")
    }))
}

/// The one who can read everything and write the state, and why it is not the usual one.
fn choose(home: &Path, usual: Owner) -> (Owner, Option<String>) {
    let state = home.join(STATE);
    let owner_of_state = Owner::of(&state).unwrap_or(usual);
    let first = if owner_of_state.user == 0 { usual } else { owner_of_state };
    let unread =
        READ.iter().flat_map(|folder| within(&home.join(folder))).find(|path| matches!(first.reads(path), Ok(false)));
    let (chosen, why) = match unread.and_then(|path| Some((Owner::of(&path).ok()?, path))) {
        Some((owner, path)) => (owner, Some(format!("`{}` may be read by its owner alone", path.display()))),
        None => (first, (first != usual).then(|| format!("`{}` belongs to that user", state.display()))),
    };
    match hand_over(&state, chosen) {
        Ok(()) => (chosen, why),
        Err(error) => (
            owner_of_state,
            Some(format!("`{}` cannot be handed over to user {}: {error}", state.display(), chosen.user)),
        ),
    }
}

/// A folder and what stands in it; nothing if there is none.
fn within(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once(folder.to_owned()).filter(|folder| folder.is_dir()).chain(files).collect()
}

/// Makes a folder and everything in it belong to `owner`, unless it does.
fn hand_over(folder: &Path, owner: Owner) -> io::Result<()> {
    let give = |path: &Path, known: &fs::Metadata| match known.uid() == owner.user {
        true => Ok(()),
        false => lchown(path, Some(owner.user), Some(owner.group)),
    };
    let known = match fs::symlink_metadata(folder) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if known.is_dir() {
        for entry in fs::read_dir(folder)? {
            let (path, known) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if known.is_dir() { hand_over(&path, owner) } else { give(&path, &known) }?;
        }
    }
    give(folder, &known)
}

fn become_owner(Owner { user, group }: Owner) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    Ok(())
}

/// Whether the ids of this process are others outside.
fn is_mapped() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    !map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOBODY: Owner = Owner { user: 54_321, group: 54_321 };

    /// Folders of whoever runs the test, with a key that only its owner may read, or everybody.
    fn home(mode: u32) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for folder in ["certs", "config"] {
            fs::create_dir(home.path().join(folder)).unwrap();
            fs::set_permissions(home.path().join(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let key = home.path().join("certs/domain.key");
        fs::write(&key, "key").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        home
    }

    #[test]
    fn whoever_reads_everything_is_the_usual_user() {
        assert_eq!(choose(home(0o644).path(), NOBODY), (NOBODY, None));
    }

    #[test]
    fn a_key_that_only_its_owner_may_read_is_read_by_its_owner() {
        let home = home(0o600);
        let (chosen, why) = choose(home.path(), NOBODY);
        assert_eq!(chosen, Owner::of(&home.path().join("certs/domain.key")).unwrap());
        assert!(why.unwrap().contains("domain.key` may be read by its owner alone"));
    }

    #[test]
    fn without_folders_nothing_stands_against_the_usual_user() {
        assert_eq!(choose(Path::new("/nonexistent"), NOBODY), (NOBODY, None));
    }
}
