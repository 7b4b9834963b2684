//! Which version of A2A, which media type, and which extensions a request speaks.

use super::AG_UI_EXTENSION;
use super::answer::A2A_JSON;
use super::fail::Failure;
use crate::wire::{ErrorKind, ProtocolVersion};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use url::form_urlencoded;

/// The header, and the parameter of the address.
const VERSION: &str = "a2a-version";

/// Refuses every version but 1.0. A request that names none speaks 0.3.
pub(super) fn check(parts: &Parts) -> Result<(), Failure> {
    let header = parts.headers.get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let parameter = || {
        let named = form_urlencoded::parse(query).find(|(name, _)| name.eq_ignore_ascii_case(VERSION));
        named.map(|(_, value)| value.into_owned())
    };
    let asked = header.filter(|text| !text.trim().is_empty()).or_else(parameter).unwrap_or_default();
    let mut numbers = asked.trim().split('.');
    if let (Some("1"), Some("0"), _) = (numbers.next(), numbers.next(), numbers.next()) {
        return Ok(());
    }
    let asked = match asked.trim() {
        "" => format!("no A2A-Version, which stands for {}", ProtocolVersion::V0_3),
        other => format!("A2A-Version {}", crate::guard::clean_line(other, 40)),
    };
    let what = format!("The request has {asked}. This agent speaks {}: send that.", ProtocolVersion::V1_0);
    Err(Failure::new(ErrorKind::VersionNotSupported, what))
}

/// Refuses a body that says it is something else than JSON.
pub(super) fn check_media_type(parts: &Parts) -> Result<(), Failure> {
    let Some(kind) = parts.headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence == A2A_JSON {
        return Ok(());
    }
    let what = format!("The body is to be application/json or {A2A_JSON}.");
    Err(Failure::new(ErrorKind::ContentTypeNotSupported, what))
}

/// Whether the client activates our extension.
pub(super) fn is_extended(parts: &Parts) -> bool {
    let header = ProtocolVersion::V1_0.extensions_header();
    let values = parts.headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|uri| uri.trim() == AG_UI_EXTENSION)
}

/// Tells the client that it is active.
pub(super) fn activated() -> (HeaderName, HeaderValue) {
    let header = HeaderName::from_static(ProtocolVersion::V1_0.extensions_header());
    (header, HeaderValue::from_static(AG_UI_EXTENSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_is_spoken() {
        let asked = |header: Option<&str>, uri: &str| {
            let request = header.iter().fold(http::Request::builder().uri(uri), |r, value| r.header(VERSION, *value));
            check(&request.body(()).unwrap().into_parts().0).is_ok()
        };
        for (header, uri, good) in [
            (Some("1.0"), "/", true),
            (Some(" 1.0.1 "), "/", true),
            (None, "/?A2A-Version=1.0", true),
            (Some(""), "/?a=b&a2a-version=1.0", true),
            (None, "/", false),
            (Some("0.3"), "/?A2A-Version=1.0", false),
            (Some("1.1"), "/", false),
            (Some("1"), "/", false),
            (Some("99.0"), "/", false),
        ] {
            assert_eq!(asked(header, uri), good, "{header:?} {uri}");
        }
    }
}
