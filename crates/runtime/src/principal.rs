//! Who asks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

const ANONYMOUS: &str = "anonymous";

/// The identity behind a request. A thread belongs to a principal; for any other it does not exist.
#[derive(Clone, Debug)]
pub struct Principal {
    id: Arc<str>,
    scopes: Arc<BTreeSet<String>>,
    claims: Arc<serde_json::Map<String, serde_json::Value>>,
}

impl Principal {
    /// The one principal of a server without authentication.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS)
    }

    /// True for the one principal of a server without authentication.
    pub fn is_anonymous(&self) -> bool {
        *self.id == *ANONYMOUS
    }

    /// A principal without scopes and claims.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), scopes: Arc::default(), claims: Arc::default() }
    }

    /// With these scopes: `threads:admin`, `debug`.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = String>) -> Self {
        self.scopes = Arc::new(scopes.into_iter().collect());
        self
    }

    /// With the claims of a token.
    #[must_use]
    pub fn with_claims(mut self, claims: serde_json::Map<String, serde_json::Value>) -> Self {
        self.claims = Arc::new(claims);
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// True when it holds `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// The claims of the token that it came with.
    pub fn claims(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.claims
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Principal {}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
