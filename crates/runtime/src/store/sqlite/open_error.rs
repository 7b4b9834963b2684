//! Why a file cannot be opened as a store, and what to do about it.

use copilotkit_protocol::Code;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file cannot be opened as a store. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the thread store {} is in use by another process{}: stop that one, or use another file",
        path.display(),
        holder.map(|id| format!(" ({id})")).unwrap_or_default()
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// The number of that process, where it is known.
        holder: Option<u32>,
    },
    /// The file, one beside it, or its folder cannot be made, read or written.
    #[error("{}", unusable(path, at, cause))]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What of it cannot be used: the file itself, its lock, or its folder.
        at: PathBuf,
        /// What the system said.
        cause: Error,
    },
    /// It is something else than a store of threads.
    #[error("{} is no thread store: it was left as it is; name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this software wrote it.
    #[error(
        "the thread store {} was written by a newer version (schema {found}, this one knows {known}): use that version, or another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The latest version that is known here.
        known: i64,
    },
    /// Its content is damaged.
    #[error("the thread store {} is damaged ({what}): put a backup in its place, or move it away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// SQLite failed.
    #[error("the thread store {} cannot be opened: {cause}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
}

impl OpenError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => Code::StoreInUse,
            Self::Unusable { .. } => Code::StoreUnusable,
            Self::Foreign { .. } => Code::StoreForeign,
            Self::Newer { .. } => Code::StoreNewer,
            Self::Damaged { .. } => Code::StoreDamaged,
            Self::Database { cause, .. } => match cause.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => Code::StoreFull,
                _ => Code::StoreUnavailable,
            },
        }
    }
}

fn unusable(path: &Path, at: &Path, cause: &Error) -> String {
    let (store, shown) = (path.display(), at.display());
    match cause.kind() {
        ErrorKind::AlreadyExists if at == path => format!("{shown} is there already: name another file"),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            format!("the thread store {store} cannot be used: {shown} is no folder; name another file")
        }
        ErrorKind::IsADirectory => format!("{shown} is a folder: name a file"),
        _ if at == path => {
            format!(
                "the thread store {store} cannot be used: {cause}; it must be writable for the user that this runs as"
            )
        }
        _ if at.is_dir() || path.starts_with(at) => format!(
            "the thread store {store} cannot be used: {cause}; its folder must exist or be makeable, and be writable for the \
             user that this runs as"
        ),
        _ => format!(
            "the thread store {store} cannot be used: {shown}: {cause}; that file must be writable for the user that this \
             runs as; it may be removed while nothing uses the store"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_named() {
        let told = |at: &str, kind: ErrorKind| unusable(Path::new("data/t.db"), Path::new(at), &kind.into());
        let lock = told("data/t.db.lock", ErrorKind::PermissionDenied);
        assert!(lock.contains("data/t.db.lock: permission denied") && !lock.contains("folder"), "{lock}");
        let file = told("data/t.db", ErrorKind::PermissionDenied);
        assert!(file.contains("data/t.db cannot be used: permission denied; it must be writable"), "{file}");
        let folder = told("data", ErrorKind::PermissionDenied);
        assert!(folder.contains("its folder must exist or be makeable"), "{folder}");
        assert_eq!(told("data/t.db", ErrorKind::AlreadyExists), "data/t.db is there already: name another file");
        let no_folder = told("data", ErrorKind::AlreadyExists);
        assert_eq!(no_folder, "the thread store data/t.db cannot be used: data is no folder; name another file");
    }
}
