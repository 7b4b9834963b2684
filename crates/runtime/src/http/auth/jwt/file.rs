//! Keys in a file, read again when it changes.

use super::keys::KeySet;
use super::{JwtError, JwtKeyOptions};
use crate::limits;
use jsonwebtoken::Algorithm;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::time::timeout;

/// The keys of a file.
pub(super) struct KeyFile {
    path: PathBuf,
    algorithms: Vec<Algorithm>,
    options: JwtKeyOptions,
    state: Mutex<State>,
}

struct State {
    /// The last ones that could be used.
    keys: Arc<KeySet>,
    /// The file that was looked at last, good or not.
    stamp: Stamp,
    looked: Instant,
    failing: bool,
}

/// What tells a file from the one that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Files that are put in place of others have another number.
    number: u64,
}

/// What a look at the file found; nothing when it is the one of before. A file that is no good has its stamp.
type Looked = Result<Option<(KeySet, Stamp)>, (Option<Stamp>, String)>;

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let found = std::fs::metadata(path)?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let number = 0;
        Ok(Self { modified: found.modified().ok(), length: found.len(), number })
    }
}

impl KeyFile {
    /// Reads the file.
    pub(super) fn open(path: &Path, algorithms: Vec<Algorithm>, options: JwtKeyOptions) -> Result<Self, JwtError> {
        let unreadable = |error: std::io::Error| JwtError::Keys(format!("the key set cannot be read: {error}"));
        let stamp = Stamp::of(path).map_err(unreadable)?;
        let keys = Arc::new(read(path, algorithms.clone()).map_err(JwtError::Keys)?);
        let state = State { keys, stamp, looked: Instant::now(), failing: false };
        Ok(Self { path: path.to_owned(), algorithms, options, state: Mutex::new(state) })
    }

    /// The keys. The file is looked at first, if that was not done just now.
    pub(super) async fn keys(&self) -> Arc<KeySet> {
        let before = {
            let mut state = self.lock();
            if state.looked.elapsed() < self.options.spacing {
                return state.keys.clone();
            }
            state.looked = Instant::now();
            state.stamp.clone()
        };
        let (path, algorithms) = (self.path.clone(), self.algorithms.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let stamp = Stamp::of(&path).map_err(|error| (None, error.to_string()))?;
            if stamp == before {
                return Ok(None);
            }
            match read(&path, algorithms) {
                Ok(keys) => Ok(Some((keys, stamp))),
                Err(reason) => Err((Some(stamp), reason)),
            }
        });
        let looked = match timeout(self.options.deadline, looking).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(_)) | Err(_) => Err((None, "the disk does not answer".to_owned())),
        };
        self.take(looked)
    }

    fn take(&self, looked: Looked) -> Arc<KeySet> {
        let mut state = self.lock();
        let path = self.path.display();
        match looked {
            Ok(None) => {}
            Ok(Some((keys, stamp))) => {
                tracing::info!(%path, "the keys of tokens were read again");
                (state.keys, state.stamp, state.failing) = (Arc::new(keys), stamp, false);
            }
            Err((stamp, reason)) => {
                // A file that stays as it is is told once.
                if stamp.is_some() || !state.failing {
                    tracing::warn!(%path, reason, "the keys of tokens could not be read again: the last ones hold");
                }
                state.failing = true;
                if let Some(stamp) = stamp {
                    state.stamp = stamp;
                }
            }
        }
        state.keys.clone()
    }

    /// Poisoned or not, it is whole: it is changed in one step each.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path, algorithms: Vec<Algorithm>) -> Result<KeySet, String> {
    let mut text = Vec::new();
    let file = File::open(path).and_then(|file| file.take(limits::JWKS_BYTES as u64 + 1).read_to_end(&mut text));
    file.map_err(|error| error.to_string())?;
    if text.len() > limits::JWKS_BYTES {
        return Err(format!("the key set is larger than {} bytes", limits::JWKS_BYTES));
    }
    KeySet::read_public(&text, algorithms)
}
