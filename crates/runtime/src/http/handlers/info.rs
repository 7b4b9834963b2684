//! `GET /info`: what the server is and which agents it has.

use super::super::answer::{Refusal, json_answer};
use super::super::{Mode, State};
use crate::middleware::Feature;
use crate::registry::Registered;
use axum::body::Body;
use copilotkit_protocol::runtime_api::{A2uiInfo, AgentInfo, RuntimeInfo, SingleRoute, ThreadEndpoints};
use futures::future::join_all;
use http::request::Parts;
use http::{Method, Response, StatusCode};

pub(super) async fn info(state: &State, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let lifecycle = state.lifecycle(parts, "Failed to retrieve runtime information").await?;
    let registered = lifecycle.agents().all();
    let declared = join_all(registered.iter().map(|registered| registered.agent.capabilities())).await;
    let agents = registered.iter().zip(declared).map(|(registered, declared)| AgentInfo {
        name: registered.id.to_string(),
        description: registered.agent.description().to_owned(),
        class_name: registered.agent.kind().to_owned(),
        capabilities: declared.unwrap_or_else(|error| {
            tracing::warn!(agent = %registered.id, %error, "an agent's capabilities could not be found out");
            None
        }),
    });
    let mut info = RuntimeInfo::new(env!("CARGO_PKG_VERSION"), agents.collect());
    info.suggestions = true;
    info.audio_file_transcription_enabled = state.options.transcription.is_some();
    info.a2ui = a2ui(&registered);
    info.a2ui_enabled = info.a2ui.is_some();
    info.open_generative_ui_enabled = registered.iter().any(|agent| agent.has(Feature::OpenGenerativeUi));
    let threads = ThreadEndpoints { list: true, inspect: true, mutations: true, realtime_metadata: false };
    // A client that knows only these asks by REST.
    if state.options.mode != Mode::Single {
        info.thread_endpoints = threads;
    }
    if state.options.mode == Mode::Both || parts.method == Method::POST {
        info.single_route = Some(SingleRoute { resource_operations: true, thread_endpoints: threads });
    }
    Ok(json_answer(StatusCode::OK, &info))
}

/// Which agents draw surfaces; those that pages must tell what they can draw.
fn a2ui(registered: &[Registered]) -> Option<A2uiInfo> {
    let drawing = registered.iter().filter(|agent| agent.has(Feature::A2ui));
    let names: Vec<String> = drawing.map(|agent| agent.id.to_string()).collect();
    let agents = (names.len() < registered.len()).then(|| names.clone());
    (!names.is_empty()).then_some(A2uiInfo { enabled: true, agents })
}
