//! Why a file cannot be opened as a store, and what to do about it.

use copilotkit_protocol::Code;
use std::path::PathBuf;

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
    /// The file or its folder cannot be made, read or written.
    #[error("the thread store {} cannot be used: {cause}; its folder must exist or be makeable, and both be writable", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
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
