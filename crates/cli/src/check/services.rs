//! Transcription and the keys of an identity provider.

use super::{Context, Finding, Probe};
use crate::banner::host;
use crate::chat::plain;
use crate::check::agents::headers;
use crate::config::AuthKind;
use http::StatusCode;
use secrecy::ExposeSecret as _;

pub(super) fn probes(context: &Context<'_>) -> Vec<Probe> {
    [transcription(context), identity(context)].into_iter().flatten().collect()
}

fn transcription(context: &Context<'_>) -> Option<Probe> {
    let config = context.config.transcription.as_ref()?;
    let url = format!("{}/models", config.base_url.trim_end_matches('/'));
    let mut request = context.http.get(&url).headers(headers(&config.headers));
    if let Some(key) = config.key(context.environment) {
        request = request.bearer_auth(key.expose_secret().trim());
    }
    Some(Probe::remote("transcription", async move {
        let place = host(&url);
        match request.send().await {
            Ok(answer) if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let remedy = "mend the key: `api_key_env` of [transcription]";
                Finding::failed(format!("{place} refuses the key ({})", answer.status().as_u16()), remedy)
            }
            Ok(answer) if answer.status().is_server_error() => {
                Finding::failed(format!("{place} answers {}", answer.status()), "see the log of the service")
            }
            Ok(_) => Finding::ok(format!("{place} answers")),
            Err(error) => Finding::failed(plain(&url, &error).to_string(), "start the service, or mend `base_url`"),
        }
    }))
}

/// Tokens cannot be checked without the keys of the provider.
fn identity(context: &Context<'_>) -> Option<Probe> {
    let auth = &context.config.auth;
    let url = auth.jwks_url.clone();
    if auth.kind != AuthKind::Jwt || url.is_empty() {
        return None;
    }
    let request = context.http.get(&url);
    Some(Probe::remote("auth.jwks_url", async move {
        let (place, remedy) = (host(&url), "write the address of the provider's JWKS; its discovery document names it");
        match request.send().await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let body = super::json(answer).await.unwrap_or_default();
                match body["keys"].as_array().map(Vec::len) {
                    Some(0) | None => Finding::failed(format!("{place} answers with no keys"), remedy),
                    Some(keys) => Finding::ok(format!("{place} has {keys} key(s)")),
                }
            }
            Ok(answer) => Finding::failed(format!("{place} answers {}", answer.status()), remedy),
            Err(error) => Finding::failed(plain(&url, &error).to_string(), remedy),
        }
    }))
}
