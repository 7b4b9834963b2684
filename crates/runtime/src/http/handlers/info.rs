//! `GET /info`: what the server is and which agents it has.

use super::super::answer::{Refusal, json_answer};
use super::super::{Mode, State};
use axum::body::Body;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

pub(super) async fn info(state: &State, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let registered = state.lifecycle.agents().all();
    let declared = futures::future::join_all(registered.iter().map(|registered| registered.agent.capabilities())).await;
    let mut agents = Map::new();
    for (registered, capabilities) in registered.iter().zip(declared) {
        let mut agent = json!({
            "name": &*registered.id,
            "description": registered.agent.description(),
            "className": registered.agent.kind(),
        });
        match capabilities {
            Ok(Some(capabilities)) => agent["capabilities"] = capabilities,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(agent = %registered.id, %error, "an agent's capabilities could not be found out")
            }
        }
        agents.insert(registered.id.to_string(), agent);
    }
    let none = json!({ "list": false, "inspect": false, "mutations": false, "realtimeMetadata": false });
    let mut info = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "agents": Value::Object(agents),
        "audioFileTranscriptionEnabled": false,
        "mode": "sse",
        "threadEndpoints": none,
        "suggestions": false,
        "a2uiEnabled": false,
        "openGenerativeUIEnabled": false,
        "telemetryDisabled": true,
    });
    if state.options.mode == Mode::Both || parts.method == Method::POST {
        info["singleRoute"] = json!({ "resourceOperations": false, "threadEndpoints": none });
    }
    Ok(json_answer(StatusCode::OK, &info))
}
