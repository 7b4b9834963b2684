//! The file that keeps what somebody agreed to.

use async_trait::async_trait;
use rmcp::transport::auth::{AuthError, CredentialStore, StoredCredentials};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// One file for one server, which only its owner can read.
pub(super) struct FileStore {
    path: PathBuf,
}

impl FileStore {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn failed(&self, error: impl std::fmt::Display) -> AuthError {
        AuthError::CredentialStoreError(format!("{}: {error}", self.path.display()))
    }

    /// Writes a new file beside the old one and puts it in its place, so that no reader sees half of it.
    fn write(&self, text: &str) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

#[async_trait]
impl CredentialStore for FileStore {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| self.failed(error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let text = serde_json::to_string(&credentials).map_err(|error| self.failed(error))?;
        self.write(&text).map_err(|error| self.failed(error))
    }

    async fn clear(&self) -> Result<(), AuthError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_found_again_and_read_by_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("copilotkit-mcp-store-{}", std::process::id()));
        let store = FileStore::at(&folder.join("deep/files.json"));
        assert!(store.load().await.unwrap().is_none());
        let credentials = StoredCredentials::new("id".to_owned(), None, vec!["read".to_owned()], Some(7));
        store.save(credentials).await.unwrap();
        let found = store.load().await.unwrap().unwrap();
        assert_eq!((found.client_id.as_str(), found.granted_scopes), ("id", vec!["read".to_owned()]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.join("deep/files.json")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.clear().await.unwrap();
        assert!(store.load().await.unwrap().is_none());
        store.clear().await.unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
