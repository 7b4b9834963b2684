//! A copy of the file while it is in use.

use super::fault::Fault;
use super::place::private;
use super::{OpenError, SqliteStore, schema};
use crate::store::StoreError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

impl SqliteStore {
    /// Writes a copy of everything to `to`, which must not be there yet, while runs go on. It holds what was appended
    /// before this call; runs that are live in it are closed as interrupted when it is opened.
    ///
    /// # Errors
    /// When the copy is there already, or cannot be written.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), StoreError> {
        let to = to.into();
        for slot in self.inner.slots.all() {
            self.save(&slot).await?;
        }
        let path = self.inner.place.path.clone();
        let copying = tokio::task::spawn_blocking(move || {
            let connection = schema::open_reader(&path).map_err(Fault::from)?;
            copy_into(&connection, &to)
        });
        copying.await.unwrap_or_else(|_| Err(Fault::Silent("the copy was cut short").into()))
    }
}

/// Writes a copy of the store `from` to `to`, also while another process uses it; what that one did not write yet, 50 ms
/// at most, is not in it. Blocks.
///
/// # Errors
/// As [`SqliteStore::open`] where `from` is none of ours, and [`OpenError::Unusable`] where the copy is there already or
/// cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    let connection = schema::open_ours(from)?;
    copy_into(&connection, to).map_err(|error| {
        let cause = match error {
            StoreError::Unavailable(cause) => match cause.downcast::<std::io::Error>() {
                Ok(cause) => *cause,
                Err(cause) => std::io::Error::other(cause),
            },
            other => std::io::Error::other(other),
        };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let at = if to.exists() { to } else { folder };
        OpenError::Unusable { path: to.to_owned(), at: at.to_owned(), cause }
    })
}

fn copy_into(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    let unavailable = |error: std::io::Error| StoreError::Unavailable(Box::new(error));
    let name = to.to_str().ok_or_else(|| unavailable(std::io::ErrorKind::InvalidFilename.into()))?;
    // Made by us for its mode, and never over what is there.
    let file = private().create_new(true).write(true).open(to).map_err(unavailable)?;
    let copied = connection.execute_batch("PRAGMA query_only = OFF").and_then(|()| {
        let mut statement = connection.prepare("VACUUM INTO ?1")?;
        statement.execute([name])
    });
    if let Err(error) = copied {
        // It is ours and holds nothing whole.
        let _ = std::fs::remove_file(to);
        return Err(Fault::from(error).into());
    }
    file.sync_all().map_err(unavailable)
}
