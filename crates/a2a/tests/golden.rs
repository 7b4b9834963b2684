//! Every recorded exchange with the official SDKs, read and written again in both versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "golden/exchange.rs"]
mod exchange;
#[path = "golden/normal.rs"]
mod normal;

use copilotkit_a2a::types::{AgentCard, Binding};
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
const NO_CALL: &[&str] = &["unknown-method", "not-json", "batch"];

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
            let (method, version) = method_of(&recording, exchange, &at);
            if let (Some(method), Some(params)) = (method, exchange.params()) {
                check_request(version, method, &params, &at);
                requests += 1;
            }
            for answer in exchange.answers(&at) {
                match answer {
                    Ok(json) => {
                        check_result(version, method, exchange, &json, &at);
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
    assert!(results > 650, "{results} results");
    assert!(errors > 90, "{errors} errors");
    println!("{exchanges} exchanges: {requests} requests, {results} results, {errors} errors");
}

/// The call and the version that it is of: servers of both versions take the old names under the new header too.
fn method_of(recording: &Recording, exchange: &Exchange, at: &str) -> (Option<Method>, ProtocolVersion) {
    let version = recording.version;
    if exchange.is_card() {
        return (None, version);
    }
    if recording.binding == "rest" {
        return (exchange.method_by_path(), version);
    }
    let request: Option<RpcRequest> = exchange.request.body.as_ref().and_then(|body| body.read().ok());
    let name = request.map_or_else(String::new, |request| request.method);
    let found = [version, ProtocolVersion::V0_3]
        .into_iter()
        .find_map(|version| Method::from_name(&name, version).map(|method| (Some(method), version)));
    assert!(found.is_some() || NO_CALL.contains(&exchange.name.as_str()), "{at}: no call was read");
    found.unwrap_or((None, version))
}

#[test]
fn http_json_of_0_3_is_offered_and_never_chosen() {
    let recording = Recording::read("python-1.3.0-compat-v0.3-rest");
    let card = recording.exchanges.iter().find(|exchange| exchange.name == "card").unwrap();
    let card: AgentCard = card.response.json.as_ref().unwrap().read().unwrap();
    let old = |interface: &&copilotkit_a2a::types::Interface| {
        interface.binding == Binding::HttpJson && interface.protocol_version == "0.3"
    };
    assert!(card.supported_interfaces.iter().any(|interface| old(&interface)));
    let spoken = copilotkit_a2a::client::spoken_interfaces(&card);
    assert_eq!(spoken.len(), 3);
    assert!(!spoken.iter().any(|(interface, _)| old(interface)));
}
