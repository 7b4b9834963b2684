//! `GET /info`: what the server is and which agents it has.

use super::super::answer::{Refusal, json_answer};
use super::super::{Mode, State};
use axum::body::Body;
use copilotkit_protocol::runtime_api::{AgentInfo, RuntimeInfo, SingleRoute, ThreadEndpoints};
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
