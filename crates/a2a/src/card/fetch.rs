//! Fetching a card over HTTP.

use super::shown;
use crate::error::A2aError;
use crate::limits;
use crate::types::AgentCard;
use crate::wire::ProtocolVersion;
use http::header::{ACCEPT, CACHE_CONTROL, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::time::Duration;
use url::Url;

/// Where cards are, below the base of an agent: 0.3 and later, and before.
const PLACES: [&str; 2] = [".well-known/agent-card.json", ".well-known/agent.json"];

pub(super) enum Fetched {
    Card {
        card: Box<AgentCard>,
        url: Url,
        etag: Option<String>,
        age: Option<Duration>,
    },
    /// It is what it was.
    Same {
        age: Option<Duration>,
    },
}

pub(super) struct Fetcher {
    http: reqwest::Client,
    headers: HeaderMap,
    places: Vec<Url>,
}

impl Fetcher {
    pub(super) fn new(http: reqwest::Client, headers: HeaderMap, url: Url) -> Self {
        Self { http, headers, places: places(&url) }
    }

    /// Looks in each place until one has a card.
    pub(super) async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, A2aError> {
        let mut first = None;
        for place in &self.places {
            match self.fetch_from(place, etag).await {
                // The next place may have it.
                Err(Miss::Absent(error)) => {
                    first.get_or_insert(error);
                }
                Err(Miss::Failed(error)) => return Err(error),
                Ok(fetched) => return Ok(fetched),
            }
        }
        Err(first.unwrap_or_else(|| A2aError::Config("the agent has no address".to_owned())))
    }

    async fn fetch_from(&self, place: &Url, etag: Option<&str>) -> Result<Fetched, Miss> {
        let failed = |url: &Url, reason: String, retryable: bool| {
            Miss::Failed(A2aError::Card { url: shown(url), reason, retryable })
        };
        let mut url = place.clone();
        for _ in 0..=limits::CARD_REDIRECTS {
            let mut headers = self.headers.clone();
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert("a2a-version", HeaderValue::from_static(ProtocolVersion::V1_0.as_str()));
            if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
                headers.insert(IF_NONE_MATCH, etag);
            }
            let response = self.http.get(url.clone()).headers(headers).send().await.map_err(|error| {
                let error = error.without_url();
                let cause = innermost(&error);
                Miss::Failed(A2aError::Connect { url: shown(&url), cause })
            })?;
            let status = response.status();
            let age = max_age(response.headers());
            if status == StatusCode::NOT_MODIFIED && etag.is_some() {
                return Ok(Fetched::Same { age });
            }
            if status.is_redirection() {
                let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                let Some(next) = location.and_then(|location| url.join(location).ok()) else {
                    return Err(failed(&url, "is redirected to nowhere".to_owned(), false));
                };
                if next.origin() != url.origin() {
                    let origin = next.origin().ascii_serialization();
                    return Err(Miss::Failed(A2aError::Origin { url: shown(&url), origin }));
                }
                url = next;
                continue;
            }
            if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE) {
                let reason = format!("is not there (status {})", status.as_u16());
                return Err(Miss::Absent(A2aError::Card { url: shown(&url), reason, retryable: false }));
            }
            if !status.is_success() {
                let hint = match status.as_u16() {
                    401 | 403 => ". Configure `headers` for the agent",
                    _ => "",
                };
                let retryable = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                return Err(failed(&url, format!("came with status {}{hint}", status.as_u16()), retryable));
            }
            let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = read(response).await.map_err(|reason| failed(&url, reason, true))?;
            let card: AgentCard = serde_json::from_slice(&body)
                .map_err(|error| failed(&url, format!("cannot be read: {error}"), false))?;
            return Ok(Fetched::Card { card: Box::new(card), url, etag, age });
        }
        Err(failed(place, "is redirected in circles".to_owned(), false))
    }
}

enum Miss {
    Absent(A2aError),
    Failed(A2aError),
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| format!("broke off: {}", innermost(&error)))? {
        if body.len() + piece.len() > limits::CARD_BYTES {
            return Err(format!("is larger than {} bytes", limits::CARD_BYTES));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The base of an agent has its card in a known place; an address that ends in `.json` is the card.
fn places(url: &Url) -> Vec<Url> {
    if url.path().ends_with(".json") || url.path().contains("/.well-known/") {
        return vec![url.clone()];
    }
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", url.path()));
    }
    PLACES.iter().filter_map(|place| base.join(place).ok()).collect()
}

/// How long the answer may be kept; zero for one that must not be.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let mut directives = text.split(',').map(str::trim);
    if directives.clone().any(|directive| matches!(directive, "no-store" | "no-cache")) {
        return Some(Duration::ZERO);
    }
    directives
        .find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok())
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_has_two_places_and_a_card_one() {
        let shown = |text: &str| places(&Url::parse(text).unwrap()).iter().map(Url::to_string).collect::<Vec<_>>();
        let both = ["http://a/x/.well-known/agent-card.json", "http://a/x/.well-known/agent.json"];
        assert_eq!(shown("http://a/x"), both);
        assert_eq!(shown("http://a/x/?q=1"), both);
        assert_eq!(shown("http://a/cards/one.json"), ["http://a/cards/one.json"]);
        assert_eq!(shown("http://a/.well-known/agent-card.json?v=2"), ["http://a/.well-known/agent-card.json?v=2"]);
    }

    #[test]
    fn the_age_is_read() {
        let age =
            |text: &'static str| max_age(&HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(text))]));
        assert_eq!(age("public, max-age=60"), Some(Duration::from_secs(60)));
        assert_eq!(age("no-store"), Some(Duration::ZERO));
        assert_eq!(age("public"), None);
    }
}
