//! Where a request goes, worked out once for all of them.

use crate::client::ClientError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use std::fmt;
use url::{Position, Url};

/// An address in the forms that a request needs.
#[derive(Clone)]
pub struct Target {
    pub(super) url: Url,
    /// Scheme, host and port: what a connection leads to.
    pub(super) origin: Uri,
    /// Path and query.
    pub(super) path: Uri,
    pub(super) host: HeaderValue,
    /// Of the address's user and password.
    pub(super) authorization: Option<HeaderValue>,
}

impl Target {
    pub(super) fn new(mut url: Url) -> Result<Self, ClientError> {
        let authorization = authorization(&url);
        // Both only fail for addresses without a host.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let invalid = || ClientError::NotAnAddress(url::ParseError::IdnaError);
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let origin = format!("{}://{authority}/", url.scheme()).parse().map_err(|_| invalid())?;
        let host = HeaderValue::try_from(authority).map_err(|_| invalid())?;
        let path = PathAndQuery::try_from(path).map(Uri::from).map_err(|_| invalid())?;
        Ok(Self { url, origin, path, host, authorization })
    }
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut plain = decoded(url.username());
    plain.push(b':');
    plain.extend(decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Target {
    /// The name or address of the server.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its port, also where the address leaves it to the scheme.
    pub fn port(&self) -> Option<u16> {
        self.url.port_or_known_default()
    }

    /// The address as people may see it: without user, password, query and fragment, which may hold keys.
    pub fn shown(&self) -> &str {
        &self.url[..Position::AfterPath]
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.shown()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::new(Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn an_address_is_taken_apart() {
        for (text, origin, host, path) in [
            ("http://h", "http://h/", "h", "/"),
            ("http://h:80/a", "http://h/", "h", "/a"),
            ("https://H:8443/a/b?c=d&e#f", "https://h:8443/", "h:8443", "/a/b?c=d&e"),
            ("http://[::1]:9/x", "http://[::1]:9/", "[::1]:9", "/x"),
            ("http://u:p@h/é ?ü", "http://h/", "h", "/%C3%A9%20?%C3%BC"),
            ("http://h/a|b{d}?e|f", "http://h/", "h", "/a|b%7Bd%7D?e|f"),
        ] {
            let target = target(text);
            assert_eq!(target.origin.to_string(), origin, "{text}");
            assert_eq!((target.host.to_str().unwrap(), target.path.to_string().as_str()), (host, path), "{text}");
        }
    }

    #[test]
    fn a_user_of_the_address_becomes_a_header_and_is_not_shown() {
        let target = target("https://us%20er:s%3Acret@example.com:8443/a/b?key=secret#x");
        let value = target.authorization.clone().unwrap();
        assert_eq!(value, "Basic dXMgZXI6czpjcmV0");
        assert!(value.is_sensitive());
        assert_eq!(target.shown(), "https://example.com:8443/a/b");
        assert!(!format!("{target:?}").contains("cret"));
    }
}
