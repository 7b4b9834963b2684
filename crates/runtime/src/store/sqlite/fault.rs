//! What SQLite says when it fails, as the errors of a store.

use crate::store::StoreError;
use rusqlite::ErrorCode;
use std::sync::Arc;

/// A failure that several callers are told of.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The database refused.
    #[error(transparent)]
    Database(Arc<rusqlite::Error>),
    /// The disk refused.
    #[error("the disk of the thread store failed: {0}")]
    Disk(Arc<std::io::Error>),
    /// What was read makes no sense.
    #[error("{0}")]
    Damaged(String),
    /// The store does not answer.
    #[error("{0}")]
    Silent(&'static str),
}

impl Fault {
    /// True when there is no room on the disk.
    pub(super) fn is_full(&self) -> bool {
        use std::io::ErrorKind;
        match self {
            Self::Database(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Self::Disk(error) => matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
            Self::Damaged(_) | Self::Silent(_) => false,
        }
    }

    /// True when another program holds the file.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(Arc::new(error))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault.is_full() {
            true => Self::Full("there is no room on the disk of the thread store".to_owned()),
            false => Self::Unavailable(Box::new(fault)),
        }
    }
}
