//! Telling a server who asks, by OAuth: with an id and a secret, or with what somebody agreed to in a browser.

mod login;
mod own;
mod store;

pub use login::Login;

use crate::config::{Auth, ServerConfig, Transport};
use crate::error::{ErrorKind, McpError};
use http::HeaderValue;
use rmcp::transport::auth::{AuthClient, AuthError, AuthorizationManager, OAuthClientConfig};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use std::time::Instant;
use store::FileStore;
use url::Url;

/// What a connection is made with.
#[derive(Default)]
pub(crate) struct Authorized {
    /// Sends a token with every request and renews it.
    pub(crate) client: Option<AuthClient<reqwest::Client>>,
    /// A token, and when it must have been replaced.
    pub(crate) token: Option<(HeaderValue, Option<Instant>)>,
}

/// Finds out what a connection is made with, within the time that connecting may take.
pub(crate) async fn authorized(config: &ServerConfig, http: &reqwest::Client) -> Result<Authorized, McpError> {
    let (Some(auth), Transport::Http(url) | Transport::Sse(url)) = (&config.auth, &config.transport) else {
        return Ok(Authorized::default());
    };
    let found = async {
        match auth {
            Auth::ClientCredentials { client_id, client_secret, scopes } => {
                let token = own::token(http, url, client_id, client_secret, scopes).await?;
                let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.value.expose_secret()))
                    .map_err(|_| AuthError::InternalError("the token cannot be sent as a header".to_owned()))?;
                bearer.set_sensitive(true);
                Ok::<_, AuthError>(Authorized { token: Some((bearer, token.until)), ..Authorized::default() })
            }
            Auth::AuthorizationCode { store, client_id, client_secret, scopes, .. } => {
                let known = client_id.as_deref().zip(client_secret.as_ref());
                let manager = agreed(url, store, known, scopes).await?;
                Ok(Authorized { client: Some(AuthClient::new(http.clone(), manager)), ..Authorized::default() })
            }
        }
    };
    match tokio::time::timeout(config.timeouts.connect, found).await {
        Ok(Ok(authorized)) => Ok(authorized),
        Ok(Err(error)) => Err(McpError::about(ErrorKind::Unauthorized, &config.id, chain(&error))),
        Err(_) => {
            Err(McpError::about(ErrorKind::Timeout, &config.id, "the authorization server did not answer in time"))
        }
    }
}

/// What somebody agreed to before. Where nobody did, requests go without a token, and the server says what it wants.
async fn agreed(
    url: &Url,
    store: &Path,
    known: Option<(&str, &SecretString)>,
    scopes: &[String],
) -> Result<AuthorizationManager, AuthError> {
    let mut manager = manager(url).await?;
    manager.set_credential_store(FileStore::at(store));
    let found = manager.initialize_from_store().await?;
    if let (true, Some((id, secret))) = (found, known) {
        // The file keeps no secret of the configuration.
        let client = OAuthClientConfig::new(id, login::NOWHERE)
            .with_client_secret(secret.expose_secret())
            .with_scopes(scopes.to_vec());
        manager.configure_client(client)?;
    }
    Ok(manager)
}

/// The operator chose the server, whose authorization server may be on a private network too. Addresses of this machine
/// are reached only when the server itself is one.
async fn manager(url: &Url) -> Result<AuthorizationManager, AuthError> {
    AuthorizationManager::new_allowing_private_addresses(url.as_str()).await
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
