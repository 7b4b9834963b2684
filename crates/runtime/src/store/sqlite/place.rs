//! The file's place: its folder, its modes, and the lock that keeps a second process out.

use super::OpenError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// How every SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The store's file, ours alone as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    /// Without links, so that two names of one file are one.
    pub(super) path: PathBuf,
    /// Closed last: that frees the lock.
    _lock: File,
}

impl Place {
    /// Makes the folder and an empty file where there is none, and takes the lock.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let unusable = |cause| OpenError::Unusable { path: path.to_owned(), cause };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        make_folder(folder).map_err(unusable)?;
        let path_of_all = match path.canonicalize() {
            Ok(path) => path,
            Err(_) => {
                let name = path.file_name().ok_or_else(|| unusable(std::io::ErrorKind::InvalidFilename.into()))?;
                folder.canonicalize().map_err(unusable)?.join(name)
            }
        };
        if path_of_all.is_dir() {
            return Err(unusable(std::io::ErrorKind::IsADirectory.into()));
        }
        let mut name = path_of_all.clone().into_os_string();
        name.push(".lock");
        let lock = lock(Path::new(&name), path)?;
        // Made by us, not by SQLite, for its mode; the files beside it take the mode of the file.
        let mut file = private().create(true).read(true).append(true).open(&path_of_all).map_err(unusable)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(MAGIC.len() as u64).read_to_end(&mut head).map_err(unusable)?;
        // SQLite takes a file of a few bytes for an empty one and writes over it.
        if !head.is_empty() && head != MAGIC {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
        Ok(Self { path: path_of_all, _lock: lock })
    }
}

impl Place {
    /// The file that SQLite appends commits to, to sync it. SQLite holds no lock on it that closing this would drop, and
    /// keeps it for as long as a connection is open.
    pub(super) fn wal(&self) -> std::io::Result<File> {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        OpenOptions::new().write(true).open(name)
    }
}

/// A file of its own is locked: closing a second handle on the database would drop the locks of SQLite in this process.
fn lock(name: &Path, path: &Path) -> Result<File, OpenError> {
    let unusable = |cause| OpenError::Unusable { path: path.to_owned(), cause };
    let mut file = private().create(true).read(true).append(true).open(name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: it may be empty where the other process is just about to write it.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse().ok();
            return Err(OpenError::InUse { path: path.to_owned(), holder });
        }
        Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| {
        let id = std::process::id();
        writeln!(file, "{id}")
    });
    // A full disk is told when something that matters cannot be written.
    if let Err(error) = written {
        tracing::debug!(%error, "the lock file does not say who holds it");
    }
    Ok(file)
}

/// Threads hold what people said: only their owner may read them.
pub(super) fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "the mode is set on Unix alone")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
