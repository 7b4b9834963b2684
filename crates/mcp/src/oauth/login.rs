//! Agreeing in a browser.

use super::chain;
use super::store::FileStore;
use crate::config::{Auth, ServerConfig, Transport};
use crate::error::{ErrorKind, McpError};
use rmcp::transport::auth::{AuthorizationRequest, CredentialStore as _, OAuthState, WWWAuthenticateParams};
use secrecy::ExposeSecret as _;
use url::Url;

/// A place to come back to, for who never comes back.
pub(super) const NOWHERE: &str = "http://127.0.0.1/callback";

/// A login that has begun: somebody opens [`Login::url`], agrees, and their browser comes back with an answer.
pub struct Login {
    server: String,
    url: String,
    state: OAuthState,
}

impl Login {
    /// Begins a login whose browser comes back to `redirect`, an address of this machine.
    ///
    /// The authorization server is found by what the server says about itself: in `challenge`, which came with an
    /// [`McpError`], or else when it is asked now. Where it knows no program of ours one is registered.
    ///
    /// # Errors
    /// A server without the grant `authorization-code`, or one whose authorization server cannot be found or refuses.
    pub async fn begin(config: &ServerConfig, redirect: &str, challenge: Option<&str>) -> Result<Self, McpError> {
        let failed = |error| McpError::about(ErrorKind::Unauthorized, &config.id, chain(&error));
        let (
            Some(Auth::AuthorizationCode { store, client_id, client_secret, scopes, client_metadata }),
            Transport::Http(url) | Transport::Sse(url),
        ) = (&config.auth, &config.transport)
        else {
            let message = format!("The MCP server `{}` is not one that somebody logs in to.", config.id);
            return Err(McpError::new(ErrorKind::Config, message));
        };
        let mut manager = super::manager(url).await.map_err(failed)?;
        manager.set_credential_store(FileStore::at(store));
        let mut request = AuthorizationRequest::new(redirect).with_client_name("CopilotKit");
        let scopes = match scopes.is_empty() {
            false => scopes.clone(),
            true => wider(&FileStore::at(store), challenge, url).await,
        };
        if !scopes.is_empty() {
            request = request.with_scopes(scopes);
        }
        if let Some(id) = client_id {
            request = request.with_preregistered_client(id);
        }
        if let Some(secret) = client_secret {
            request = request.with_client_secret(secret.expose_secret());
        }
        if let Some(document) = client_metadata {
            request = request.with_client_metadata_url(document.as_str());
        }
        if let Some(challenge) = challenge {
            request = request.with_challenge(challenge);
        }
        let mut state = OAuthState::Unauthorized(manager);
        state.start_authorization(request).await.map_err(failed)?;
        let url = state.get_authorization_url().await.map_err(failed)?;
        Ok(Self { server: config.id.clone(), url, state })
    }

    /// What is to be opened in a browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the login with the address that the browser came back to, and keeps what was agreed to.
    ///
    /// # Errors
    /// An answer that belongs to another login, a refusal, a code that is not taken.
    pub async fn finish(mut self, came_back: &str) -> Result<(), McpError> {
        let done = self.state.handle_callback_url(came_back).await;
        done.map(|_| ()).map_err(|error| McpError::about(ErrorKind::Unauthorized, &self.server, chain(&error)))
    }
}

/// What was agreed to before and what the server asks for besides: who is asked for more must not lose what there was.
/// Empty when nothing was agreed to before, and rmcp knows best what to ask for.
async fn wider(store: &FileStore, challenge: Option<&str>, url: &Url) -> Vec<String> {
    let known = store.load().await.ok().flatten().map(|known| known.granted_scopes).unwrap_or_default();
    let asked = challenge.and_then(|challenge| WWWAuthenticateParams::parse(challenge, url).scope);
    let Some(asked) = asked.filter(|_| !known.is_empty()) else { return Vec::new() };
    let mut scopes = known;
    for scope in asked.split_whitespace() {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("server", &self.server).finish_non_exhaustive()
    }
}
