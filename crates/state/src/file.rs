//! The file itself: how it comes into being, and how it is opened without harm.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{
    StateError,
    filesystem::network_below,
    schema::{VERSION, migrate, version},
};

/// The file's name in the state folder.
const FILE: &str = "quittance.sqlite";

/// A state that is held, before anything is written to it.
pub(crate) struct Held {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) version: i64,
}

impl Held {
    /// Holds the state in `folder`, if there is one: nobody else can open it meanwhile. Whatever is wrong with it is found
    /// before anything is written, so that a state that is refused stays as it is, byte for byte.
    pub(crate) fn existing(folder: &Path) -> Result<Option<Held>, StateError> {
        let path = folder.join(FILE);
        let journal = fs::metadata(folder.join(format!("{FILE}-wal"))).map_or(0, |journal| journal.len());
        let damaged = |found: &str| StateError::Damaged { path: path.clone(), found: found.to_owned() };
        let length = match fs::metadata(&path) {
            Ok(file) if file.len() == 0 => return Err(damaged("it is empty")),
            Ok(file) => file.len(),
            // A journal without its file would be taken for that of the next one.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return if journal > 0 { Err(damaged("only its journal is there")) } else { Ok(None) };
            }
            Err(source) => return Err(StateError::Folder { path: folder.into(), source }),
        };
        let error = |source| open_error(&path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(error)?;
        // To close a file would work its journal into it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, journal > 0).map_err(error)?;
        connection.busy_timeout(Duration::from_millis(200)).map_err(error)?;
        // One process: SQLite's own lock, kept, tells a second one.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(error)?;
        let version = version(&connection).map_err(error)?;
        if version > VERSION {
            return Err(StateError::Newer { path, found: version, known: VERSION });
        }
        if version < 1 {
            return Err(damaged("there is no state of a collector in it"));
        }
        // Without a journal that would complete it, a file is as long as it says.
        let whole: i64 = connection
            .query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| row.get(0))
            .map_err(error)?;
        if journal == 0 && length < whole.unsigned_abs() {
            return Err(damaged(&format!("cut off after {length} of {whole} bytes")));
        }
        // It reads the whole file: 200 ms for one of 600 MiB.
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(error)?;
        match &*verdict {
            "ok" => Ok(Some(Held { connection, path, version })),
            found => Err(damaged(found.lines().last().unwrap_or(found))),
        }
    }

    /// As [`existing`](Self::existing); makes folder and state if they are missing, and brings the state to the newest
    /// version.
    pub(crate) fn newest(folder: &Path) -> Result<Held, StateError> {
        make_folder(folder)?;
        // It may have been copied back from where nobody minds.
        tighten(&folder.join(FILE));
        let mut held = match Held::existing(folder)? {
            Some(held) => held,
            None => {
                create(folder)?;
                let vanished = || StateError::Folder { path: folder.into(), source: ErrorKind::NotFound.into() };
                Held::existing(folder)?.ok_or_else(vanished)?
            }
        };
        let Held { connection, path, version } = &mut held;
        let error = |source| open_error(path, source);
        // Full synchronisation: a commit is on the disk.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(error)?;
        migrate(connection, *version).map_err(error)?;
        *version = VERSION;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(error)?;
        Ok(held)
    }
}

fn make_folder(folder: &Path) -> Result<(), StateError> {
    let error = |source| StateError::Folder { path: folder.into(), source };
    // It may hold customer data, in quarantine.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(error)?;
    match network_below(folder).map_err(error)? {
        Some(kind) => Err(StateError::Network { path: folder.into(), kind }),
        None => Ok(()),
    }
}

/// Nobody but its owner may read a state. Where that cannot be had, the folder's mode is what protects it.
fn tighten(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        _ = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700));
    }
}

/// Makes an empty state beside its place, and puts it there when it is whole: a file that is less than a state is damage,
/// never the trace of a first start that was cut short.
fn create(folder: &Path) -> Result<(), StateError> {
    let (path, new) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
    let error = |source| StateError::Folder { path: folder.into(), source };
    // Two first starts at once would make two states.
    let alone = File::open(folder).map_err(error)?;
    match alone.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path }),
        Err(TryLockError::Error(source)) => return Err(error(source)),
    }
    if path.exists() {
        return Ok(());
    }
    remove_if_there(&new).map_err(error)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(error)?;
    fill(&new).map_err(|source| open_error(&path, source))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(error)?;
    fs::rename(&new, &path).map_err(error)?;
    alone.sync_all().map_err(error)
}

fn fill(new: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(new)?;
    // No journal: nothing is lost with a file that is not in its place yet.
    connection.execute_batch("PRAGMA journal_mode = OFF")?;
    migrate(&mut connection, 0)?;
    connection.close().map_err(|(_, error)| error)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn open_error(path: &Path, source: rusqlite::Error) -> StateError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::InUse { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StateError::Damaged { path, found: source.to_string() }
        }
        _ => StateError::Open { path, source },
    }
}
