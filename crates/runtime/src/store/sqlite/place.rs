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
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // What is not there is for its folder to take.
        let blamed = |file: &Path| if file.exists() { file.to_owned() } else { folder.to_owned() };
        let error = |at: PathBuf, cause| OpenError::Unusable { path: path.to_owned(), at, cause };
        let in_folder = |cause| error(folder.to_owned(), cause);
        make_folder(folder).map_err(in_folder)?;
        let path_of_all = match path.canonicalize() {
            Ok(path) => path,
            Err(_) => {
                let no_name = || error(path.to_owned(), std::io::ErrorKind::InvalidFilename.into());
                folder.canonicalize().map_err(in_folder)?.join(path.file_name().ok_or_else(no_name)?)
            }
        };
        if path_of_all.is_dir() {
            return Err(error(path.to_owned(), std::io::ErrorKind::IsADirectory.into()));
        }
        let name = beside(&path_of_all, ".lock");
        let lock = open_lock(&name, &path_of_all).map_err(|cause| error(blamed(&name), cause))?;
        let lock = hold(lock, path, &name)?;
        let unusable = |cause| match path_of_all.exists() {
            true => error(path.to_owned(), cause),
            false => error(folder.to_owned(), cause),
        };
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
        OpenOptions::new().write(true).open(beside(&self.path, "-wal"))
    }

    /// Removes the file and all that stands beside it, of a store that nobody else knows of. Its connections are closed.
    pub(super) fn remove(self) -> std::io::Result<()> {
        let gone = |path: &Path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        for end in ["-wal", "-shm", ""] {
            gone(&beside(&self.path, end))?;
        }
        let lock = beside(&self.path, ".lock");
        drop(self);
        gone(&lock)
    }
}

/// `threads.db` and `.lock`: the name of a file beside the store's.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    name.into()
}

/// The lock of a store, which belongs to whom the store belongs: root may look after the file of another user.
fn open_lock(name: &Path, path: &Path) -> std::io::Result<File> {
    let made = private().create_new(true).read(true).append(true).open(name);
    let file = match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return private().read(true).append(true).open(name);
        }
        made => made?,
    };
    #[cfg(unix)]
    if let Ok(store) = std::fs::metadata(path) {
        use std::os::unix::fs::MetadataExt as _;
        // Only root can give it away. For everybody else it is their own, as the file that they may write.
        let _ = std::os::unix::fs::fchown(&file, Some(store.uid()), Some(store.gid()));
        let _ = file.set_permissions(store.permissions());
    }
    Ok(file)
}

/// A file of its own is locked: closing a second handle on the database would drop the locks of SQLite in this process.
fn hold(mut file: File, path: &Path, name: &Path) -> Result<File, OpenError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: it may be empty where the other process is just about to write it.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse().ok();
            return Err(OpenError::InUse { path: path.to_owned(), holder });
        }
        Err(TryLockError::Error(cause)) => {
            return Err(OpenError::Unusable { path: path.to_owned(), at: name.to_owned(), cause });
        }
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    #[test]
    fn a_lock_is_for_whom_the_store_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        drop(Place::take(&path).unwrap());
        let lock = beside(&path, ".lock");
        std::fs::remove_file(&lock).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        // Only root may do this, and it is root for whom it matters.
        let given = chown(&path, Some(65_534), Some(65_534)).is_ok();
        drop(Place::take(&path).unwrap());
        let (of_store, of_lock) = (std::fs::metadata(&path).unwrap(), std::fs::metadata(&lock).unwrap());
        assert_eq!(of_lock.mode(), of_store.mode());
        assert_eq!((of_lock.uid(), of_lock.gid()), (of_store.uid(), of_store.gid()), "given away: {given}");
    }

    #[test]
    fn a_place_that_is_removed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        Place::take(&folder.path().join("t.db")).unwrap().remove().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
