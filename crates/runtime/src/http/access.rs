//! Whose requests are taken at all: no page of a foreign origin may act through its visitor's browser, and no name that
//! was pointed at this machine may stand in for it.

use super::answer::Refusal;
use super::cors::CorsPolicy;
use copilotkit_protocol::Code;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

/// Which names the server answers to, as the `Host` header gives them.
///
/// A page can point a name of its own at a loopback address; the browser then takes this server for the page's own
/// origin. Only the name tells the two apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostPolicy {
    /// Any name: the server stands behind something that looks at it, or is meant for everybody.
    #[default]
    Any,
    /// `localhost`, `127.0.0.1` and `[::1]`, on any port.
    Loopback,
    /// These names, without ports, and those of [`HostPolicy::Loopback`].
    List(Vec<String>),
}

impl HostPolicy {
    fn allows(&self, host: Option<&str>) -> bool {
        let listed = match self {
            Self::Any => return true,
            Self::Loopback => &[][..],
            Self::List(list) => list,
        };
        let Some(name) = host.map(name) else { return false };
        let same = |allowed: &str| allowed.trim_matches(['[', ']']).eq_ignore_ascii_case(name);
        ["localhost", "127.0.0.1", "::1"].into_iter().any(same) || listed.iter().any(|allowed| same(allowed))
    }
}

/// Whether a request names the server as it should be named.
pub(super) fn is_named(hosts: &HostPolicy, parts: &Parts) -> bool {
    hosts.allows(host(parts))
}

/// Refuses what comes by a foreign name, or from a page of a foreign origin.
pub(super) fn check(hosts: &HostPolicy, cors: &CorsPolicy, parts: &Parts) -> Result<(), Refusal> {
    let host = host(parts);
    // A second one could be read by whoever stands in front of this server.
    let one = parts.headers.get_all(HOST).iter().nth(1).is_none();
    if !one || !hosts.allows(host) {
        let message = match host.map(name) {
            Some(name) if one => format!(
                "This server does not answer to `{name}`. Add the name to allowed_hosts in [server] to allow it."
            ),
            _ => "The request has to name this server in one Host header.".to_owned(),
        };
        return Err(refusal("Host not allowed", Code::HostNotAllowed, &message));
    }
    // A browser asks first, and says so itself: an OPTIONS request does nothing.
    if parts.method == Method::OPTIONS || cors.is_off() {
        return Ok(());
    }
    let Some(origin) = parts.headers.get(ORIGIN) else { return Ok(()) };
    let own = origin.to_str().ok().is_some_and(|origin| host.is_some_and(|host| is_same(origin, host)));
    if own || cors.allows(origin) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(origin.as_bytes());
    Err(refusal(
        "Origin not allowed",
        Code::OriginNotAllowed,
        &format!("Pages of `{shown}` may not use this server. Add the origin to cors_origins in [server] to allow it."),
    ))
}

fn refusal(error: &str, code: Code, message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, json!({ "error": error, "code": code, "message": message }))
}

/// What the client calls the server: the request line goes before the header, as HTTP has it.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let in_line = parts.uri.authority().map(http::uri::Authority::as_str);
    in_line.or_else(|| parts.headers.get(HOST).and_then(|value| value.to_str().ok()))
}

/// The name in `name:port`, `[address]:port` and either without a port.
fn name(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.trim_end_matches('.')
}

/// Whether a page of `origin` came from this very server. Its scheme is not known: TLS may end in front of it.
fn is_same(origin: &str, host: &str) -> bool {
    let (authority, port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, ":80"),
        Some(("https", authority)) => (authority, ":443"),
        _ => return false,
    };
    let plain = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    plain(authority) == plain(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_server_itself_is_of_the_same_origin() {
        for (origin, host) in [
            ("http://a.example:8000", "a.example:8000"),
            ("https://a.example", "a.example"),
            ("https://a.example", "A.example:443"),
            ("http://a.example", "a.example:80"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(is_same(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://a.example:8000", "a.example:9000"),
            ("http://b.example", "a.example"),
            ("http://a.example", "a.example:443"),
            ("null", "null"),
            ("file://a.example", "a.example"),
        ] {
            assert!(!is_same(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn names_are_compared_without_their_port() {
        let list = HostPolicy::List(vec!["app.example".to_owned(), "[fd00::1]".to_owned()]);
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "localhost.:1"] {
            assert!(HostPolicy::Loopback.allows(Some(host)) && list.allows(Some(host)), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "127.0.0.1.nip.io", "", "[::2]", "localhost@evil"] {
            assert!(!HostPolicy::Loopback.allows(Some(host)) && !list.allows(Some(host)), "{host}");
            assert!(HostPolicy::Any.allows(Some(host)));
        }
        assert!(list.allows(Some("App.example:443")) && list.allows(Some("[fd00::1]:8")));
        assert!(!HostPolicy::Loopback.allows(None) && HostPolicy::Any.allows(None));
    }
}
