//! Telling a server who asks, by OAuth.

use crate::config::{Auth, ServerConfig, Transport};
use crate::error::{ErrorKind, McpError};
use rmcp::transport::auth::{AuthClient, AuthError, AuthorizationManager, ClientCredentialsConfig, OAuthState};
use secrecy::ExposeSecret as _;

/// A client that sends the server's token with every request and renews it, if one is configured.
pub(crate) async fn authorized(
    config: &ServerConfig,
    http: reqwest::Client,
) -> Result<Option<AuthClient<reqwest::Client>>, McpError> {
    let (Some(auth), Transport::Http(url) | Transport::Sse(url)) = (&config.auth, &config.transport) else {
        return Ok(None);
    };
    let failed = |error| McpError::about(ErrorKind::Unauthorized, &config.id, error);
    match auth {
        Auth::ClientCredentials { client_id, client_secret, scopes } => {
            let credentials = ClientCredentialsConfig::ClientSecret {
                client_id: client_id.clone(),
                client_secret: client_secret.expose_secret().to_owned(),
                scopes: scopes.clone(),
                resource: Some(url.to_string()),
            };
            let (url, client) = (url.to_string(), http.clone());
            // The exchange stays on one thread: rmcp holds something across an await that no other may see.
            let runtime = tokio::runtime::Handle::current();
            let limit = config.timeouts.connect;
            let exchange = tokio::task::spawn_blocking(move || {
                runtime.block_on(async move {
                    let exchange = async {
                        let mut state = OAuthState::new(url, Some(client)).await?;
                        state.authenticate_client_credentials(credentials).await?;
                        Ok::<_, AuthError>(state.into_authorization_manager())
                    };
                    tokio::time::timeout(limit, exchange).await
                })
            });
            let about = |kind, detail: &str| McpError::about(kind, &config.id, detail);
            let manager = exchange
                .await
                .map_err(|_| about(ErrorKind::Unauthorized, "the exchange was cut short"))?
                .map_err(|_| about(ErrorKind::Timeout, "no token in time"))?
                .map_err(failed)?
                .ok_or_else(|| about(ErrorKind::Unauthorized, "the authorization came to no token"))?;
            Ok(Some(AuthClient::new(http, manager)))
        }
        Auth::AuthorizationCode { .. } => {
            let manager = AuthorizationManager::new(url.as_str()).await.map_err(failed)?;
            Ok(Some(AuthClient::new(http, manager)))
        }
    }
}
