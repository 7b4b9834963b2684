//! Every recorded exchange with the official SDKs, read and written again in both versions.

#[path = "golden/exchange.rs"]
mod exchange;
#[path = "golden/normal.rs"]
mod normal;

use copilotkit_a2a::wire::{Method, ProtocolVersion, RpcRequest};
use exchange::{Exchange, Recording, check_request, check_result};

/// The recordings, and how many exchanges each must hold.
const FILES: &[(&str, usize)] = &[
    ("python-1.3.0-v1.0-jsonrpc", 66),
    ("python-1.3.0-v1.0-rest", 61),
    ("python-1.3.0-compat-v1.0-jsonrpc", 66),
    ("python-1.3.0-compat-v0.3-jsonrpc", 58),
    ("python-1.3.0-compat-v0.3-rest", 56),
    ("python-0.3.26-v0.3-jsonrpc", 57),
    ("js-1.3.0-v1.0-jsonrpc", 66),
    ("js-1.3.0-v1.0-rest", 61),
    ("js-1.3.0-compat-v0.3-jsonrpc", 58),
    ("js-0.3.14-v0.3-jsonrpc", 58),
];

/// Exchanges over JSON-RPC that hold no call: they were made to be refused.
const NO_CALL: &[&str] = &["unknown-method", "not-json", "batch", "old-method-name"];

#[test]
fn every_exchange_is_read_and_written_again() {
    let (mut exchanges, mut requests, mut results, mut errors) = (0, 0, 0, 0);
    for (file, count) in FILES {
        let recording = Recording::read(file);
        assert_eq!(recording.exchanges.len(), *count, "{file}");
        for exchange in &recording.exchanges {
            let at = format!("{file}: {}", exchange.name);
            exchanges += 1;
            if recording.version == ProtocolVersion::V0_3 && recording.binding == "rest" && !exchange.is_card() {
                // Nobody can rely on HTTP+JSON of 0.3, so it is not spoken; see below.
                continue;
            }
            let method = method_of(&recording, exchange, &at);
            if let (Some(method), Some(params)) = (method, exchange.params()) {
                check_request(recording.version, method, &params, &at);
                requests += 1;
            }
            for answer in exchange.answers(&at) {
                match answer {
                    Ok(json) => {
                        check_result(recording.version, method, exchange, &json, &at);
                        results += 1;
                    }
                    Err(error) => {
                        let known = error.kind();
                        assert!(known.is_some(), "{at}: {error:?}");
                        errors += 1;
                    }
                }
            }
        }
    }
    assert_eq!(exchanges, 607);
    // A reader that reads nothing would pass everything above.
    assert!(requests > 300, "{requests} requests");
    assert!(results > 700, "{results} results");
    assert!(errors > 90, "{errors} errors");
    println!("{exchanges} exchanges: {requests} requests, {results} results, {errors} errors");
}

fn method_of(recording: &Recording, exchange: &Exchange, at: &str) -> Option<Method> {
    if exchange.is_card() {
        return None;
    }
    if recording.binding == "rest" {
        return exchange.method_by_path();
    }
    let request: Option<RpcRequest> = exchange.request.body.as_ref().and_then(|body| body.read().ok());
    let method = request.and_then(|request| Method::from_name(&request.method, recording.version));
    assert!(method.is_some() || NO_CALL.contains(&exchange.name.as_str()), "{at}: no call was read");
    method
}
