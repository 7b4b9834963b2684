//! The protobuf binding of AG-UI, for clients that ask for it by name. A wildcard does not: curl and most HTTP clients
//! send one without meaning anything by it.

use super::sse::Form;
use crate::hub::Batch;
use bytes::Bytes;
use copilotkit_protocol::Event;
use copilotkit_protocol::proto::{self, MEDIA_TYPE};
use http::HeaderMap;
use http::header::ACCEPT;

/// True when the Accept header names the media type, without parameters but `q`, and does not refuse it by `q=0`.
/// Whether it likes another type more is not asked.
pub(super) fn is_named(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE)) && parts.all(accepts)
    })
}

/// True for a `q` above zero.
fn accepts(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q > 0.0)
}

/// The frames as length-prefixed messages. An event that has no form there is left out.
pub(super) fn encode(batch: &Batch, form: Form) -> Vec<Bytes> {
    let mut out = Vec::new();
    for json in batch.frames().filter_map(|frame| frame.for_client(form.legacy)) {
        let message = match Event::from_json(json) {
            Ok(event) => proto::encode(&event),
            Err(error) => {
                tracing::error!(%error, "an event of the log could not be read: it was left out");
                continue;
            }
        };
        // An unknown event has no bytes, and an empty message is none.
        if message.is_empty() {
            continue;
        }
        if let Err(error) = proto::write_frame(&message, &mut out) {
            tracing::warn!(%error, "an event is larger than clients read: it was left out");
        }
    }
    if out.is_empty() { Vec::new() } else { vec![out.into()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_name_asks_for_it() {
        let cases = [
            ("", false),
            ("text/event-stream", false),
            ("*/*", false),
            ("application/*", false),
            ("text/event-stream, */*", false),
            ("application/json", false),
            (MEDIA_TYPE, true),
            ("Application/VND.ag-ui.event+Proto", true),
            ("application/vnd.ag-ui.event+proto;q=0.1, text/event-stream", true),
            ("text/event-stream;q=1 , application/vnd.ag-ui.event+proto ; Q=0.001", true),
            ("application/vnd.ag-ui.event+proto;q=0", false),
            ("application/vnd.ag-ui.event+proto;q=0.000, */*", false),
            ("application/vnd.ag-ui.event+proto;v=1", false),
            ("application/vnd.ag-ui.event+proto;v=1;q=1", false),
            ("application/vnd.ag-ui.event+proto2", false),
            ("application/vnd.ag-ui.event+proto;", false),
        ];
        for (accept, expected) in cases {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(is_named(&headers), expected, "{accept}");
        }
        let mut headers = HeaderMap::from_iter([(ACCEPT, "text/html".parse().unwrap())]);
        headers.append(ACCEPT, MEDIA_TYPE.parse().unwrap());
        assert!(is_named(&headers) && !is_named(&HeaderMap::new()));
    }
}
