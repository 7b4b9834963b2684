//! Where a client wants to go on: the number of the last event that it has read.

use super::answer::Refusal;
use http::request::Parts;
use http::{HeaderName, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// Says whether an answer goes on behind the cursor or begins anew.
pub(super) const X_RESUME: HeaderName = HeaderName::from_static("x-resume");
/// What generic clients of server-sent events send when they connect again.
const LAST_EVENT_ID: &str = "last-event-id";
const CURSOR: &str = "cursor";

/// What a request says of resuming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resume {
    /// The number of the last event that the client has read.
    pub(super) cursor: Option<u64>,
    /// Whether events carry their numbers: for clients that name a cursor, even an empty one.
    pub(super) ids: bool,
}

impl Resume {
    /// Reads the header `Last-Event-ID` and the parameter `cursor`. The header counts where both are there: a client that
    /// connects again by itself keeps the address and moves the header on.
    pub(super) fn of(parts: &Parts) -> Result<Self, Refusal> {
        let header = parts.headers.get(LAST_EVENT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut query = pairs.filter(|(name, _)| *name == CURSOR);
        let query = query.next().map(|(_, value)| percent_decode_str(value).decode_utf8_lossy());
        let named = header.map(|value| ("Last-Event-ID", value)).into_iter().chain(query.map(|value| (CURSOR, value)));
        let mut resume = Self::default();
        for (name, value) in named {
            resume.ids = true;
            let digits = value.trim();
            if !digits.is_empty() {
                let number = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
                let number = number.and_then(|digits| digits.parse().ok()).ok_or_else(|| invalid(name))?;
                resume.cursor = resume.cursor.or(Some(number));
            }
        }
        Ok(resume)
    }
}

fn invalid(name: &str) -> Refusal {
    let message = format!("{name}: not the id of an event; send the last id that was read, or leave it out");
    let body = json!({ "error": "Invalid parameter", "code": "invalid_parameter", "message": message });
    Refusal::new(StatusCode::BAD_REQUEST, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn of(uri: &str, header: Option<&str>) -> Result<(Option<u64>, bool), String> {
        let request = Request::post(uri);
        let request = header.into_iter().fold(request, |request, value| request.header(LAST_EVENT_ID, value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let resume = Resume::of(&parts).map_err(|refusal| format!("{refusal:?}"))?;
        Ok((resume.cursor, resume.ids))
    }

    #[test]
    fn a_cursor_is_named_by_header_or_parameter() {
        let cases = [
            ("/a", None, (None, false)),
            ("/a?ids=1&cursors=2", None, (None, false)),
            ("/a?cursor", None, (None, true)),
            ("/a?cursor=", None, (None, true)),
            ("/a?b=1&cursor=0", None, (Some(0), true)),
            ("/a?cursor=%31%32&cursor=x", None, (Some(12), true)),
            ("/a?cursor=18446744073709551615", None, (Some(u64::MAX), true)),
            ("/a", Some("7"), (Some(7), true)),
            ("/a", Some(""), (None, true)),
            ("/a?cursor=5", Some("7"), (Some(7), true)),
            ("/a?cursor=5", Some(""), (Some(5), true)),
        ];
        for (uri, header, expected) in cases {
            assert_eq!(of(uri, header), Ok(expected), "{uri} {header:?}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_its_name() {
        for value in ["x", "-1", "+1", "1.5", "1e3", "18446744073709551616", "%ff", "1,2", "0x10"] {
            let refused = of(&format!("/a?cursor={value}"), None).unwrap_err();
            assert!(refused.contains("cursor: not the id"), "{value}: {refused}");
        }
        for value in ["x", "-1", "1 2"] {
            let refused = of("/a?cursor=1", Some(value)).unwrap_err();
            assert!(refused.contains("Last-Event-ID: not the id"), "{value}: {refused}");
        }
    }
}
