//! Which origins' pages may use the server, and what lets a browser hand them its answers.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS");

/// Which origins are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// `http://localhost:*`, `http://127.0.0.1:*` and `http://[::1]:*`, with https too.
    #[default]
    Loopback,
    /// Every origin.
    Any,
    /// These origins.
    List(Vec<String>),
    /// No CORS headers at all, and preflights are requests like any other.
    Off,
}

/// Who may read answers from another origin, and whether with credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsPolicy {
    origins: Origins,
    credentials: bool,
}

impl Default for CorsPolicy {
    fn default() -> Self {
        Self { origins: Origins::Loopback, credentials: true }
    }
}

/// Why a policy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every origin together with credentials would let any web page act as its visitors")]
pub struct CorsError;

impl CorsPolicy {
    /// A policy.
    ///
    /// # Errors
    /// Every origin together with credentials.
    pub fn new(origins: Origins, credentials: bool) -> Result<Self, CorsError> {
        if origins == Origins::Any && credentials {
            return Err(CorsError);
        }
        Ok(Self { origins, credentials })
    }

    /// The answer to a preflight: any OPTIONS, on any path, unless CORS is off.
    pub(super) fn preflight(&self, parts: &Parts) -> Option<Response<Body>> {
        if parts.method != Method::OPTIONS || self.origins == Origins::Off {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        self.apply(parts.headers.get(ORIGIN), headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // The names that were asked for rather than `*`, which does not cover Authorization and is literal with
        // credentials.
        let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("*")));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers, Access-Control-Request-Method"));
        Some(response)
    }

    /// Adds what lets the browser hand an answer to a page of `origin`.
    pub(super) fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        match &self.origins {
            Origins::Off => {}
            Origins::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Origins::Loopback | Origins::List(_) => {
                headers.append(VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = origin.filter(|origin| self.allows(origin)) else { return };
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                if self.credentials {
                    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                }
            }
        }
    }

    /// Without CORS headers the server is not meant for other origins, or something in front of it takes care.
    pub(super) fn is_off(&self) -> bool {
        self.origins == Origins::Off
    }

    pub(super) fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        match &self.origins {
            Origins::Any => true,
            Origins::Off => false,
            Origins::List(list) => list.iter().any(|allowed| allowed.trim_end_matches('/') == origin),
            Origins::Loopback => is_loopback(origin),
        }
    }
}

/// True for an http or https origin whose host is this machine.
fn is_loopback(origin: &str) -> bool {
    let Some(authority) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    let host = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) if port.is_empty() || is_port(port) => host,
            _ => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
            Some(_) => return false,
            None => authority,
        },
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_only() {
        for origin in ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:5173"] {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "http://localhost.example.com",
            "http://localhost@evil.example",
            "http://127.0.0.1.nip.io",
            "http://localhost:80.evil.example",
            "null",
            "file://localhost",
        ] {
            assert!(!is_loopback(origin), "{origin}");
        }
    }

    #[test]
    fn every_origin_with_credentials_is_refused() {
        assert_eq!(CorsPolicy::new(Origins::Any, true), Err(CorsError));
        assert!(CorsPolicy::new(Origins::Any, false).is_ok());
    }
}
