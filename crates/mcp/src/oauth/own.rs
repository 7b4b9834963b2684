//! A token of this program itself: the client credentials grant.

use super::manager;
use crate::limits;
use http::header;
use rmcp::transport::auth::{AuthError, AuthorizationMetadata};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::time::{Duration, Instant};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

/// A token.
pub(super) struct Token {
    pub(super) value: SecretString,
    /// When the next one is fetched: before this one ends.
    pub(super) until: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

/// How much before its end a token is replaced.
const EARLY: Duration = Duration::from_secs(30);

/// Fetches one for a server. The authorization server is the one that the server names, and its own metadata must say
/// that it is.
pub(super) async fn token(
    http: &reqwest::Client,
    url: &Url,
    id: &str,
    secret: &SecretString,
    scopes: &[String],
) -> Result<Token, AuthError> {
    let metadata = manager(url).await?.resolve_metadata().await?.metadata;
    let basic = takes_basic(&metadata);
    let scope = scopes.join(" ");
    let mut fields = vec![("grant_type", "client_credentials"), ("resource", url.as_str())];
    if !scopes.is_empty() {
        fields.push(("scope", &scope));
    }
    if !basic {
        fields.extend([("client_id", id), ("client_secret", secret.expose_secret())]);
    }
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = http
        .post(&metadata.token_endpoint)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body);
    if basic {
        // Both are encoded as in a form before they are joined (RFC 6749, 2.3.1).
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        request = request.basic_auth(encoded(id), Some(encoded(secret.expose_secret())));
    }
    let mut response = request.send().await?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > limits::TOKEN {
            return Err(AuthError::InternalError("the answer with the token is too large".to_owned()));
        }
    }
    if !status.is_success() {
        // The body may hold what was sent.
        return Err(AuthError::ClientCredentialsError(format!("the token was refused with status {status}")));
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| AuthError::ClientCredentialsError("the answer holds no token".to_owned()))?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::ClientCredentialsError("the token is not one for bearers".to_owned()));
    }
    let lasts = answer.expires_in.map(Duration::from_secs);
    // A token that lasts for less than the margin is used for half its time.
    let until = lasts.map(|lasts| Instant::now() + if lasts > 2 * EARLY { lasts - EARLY } else { lasts / 2 });
    Ok(Token { value: answer.access_token.into(), until })
}

/// Whether the id and the secret go into a header. Where nothing is said it is what every server must take.
fn takes_basic(metadata: &AuthorizationMetadata) -> bool {
    let methods = metadata.additional_fields.get("token_endpoint_auth_methods_supported").and_then(|it| it.as_array());
    methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
}
