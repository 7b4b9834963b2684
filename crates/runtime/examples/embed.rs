//! The runtime inside an axum server of one's own: who asks is found out by a layer, agents depend on it, hooks decide by
//! route, and failed runs are told.
//!
//! ```sh
//! cargo run -p copilotkit-runtime --example embed
//! curl -N http://127.0.0.1:4000/ai/agent/greeter/run -H 'authorization: Bearer of-alice' \
//!   -H 'content-type: application/json' -d '{"threadId":"t","runId":"r","messages":[]}'
//! ```

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{AgentsRequest, Answered, Call, Failure, Halt, Hooks, RouteId, Surface, SurfaceOptions};
use copilotkit_runtime::protocol::{Emitted, EventWriter};
use copilotkit_runtime::{
    Agent, AgentError, AgentRegistry, EventStream, Lifecycle, LifecycleOptions, Principal, Registered, RunContext,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Greets whoever asks.
#[derive(Clone)]
struct Greeter;

impl Agent for Greeter {
    fn run(&self, context: RunContext) -> EventStream {
        let mut events = Vec::new();
        let written = (|| {
            let input = &context.input;
            let mut run = EventWriter::start(&input.thread_id, &input.run_id, |event| events.push(event))?;
            run.text(format!("Hello, {}.", context.principal))?;
            run.finish()
        })();
        let mut items: Vec<Result<Emitted, AgentError>> = events.into_iter().map(|event| Ok(event.into())).collect();
        items.extend(written.err().map(|error| Err(AgentError::failed(error.to_string()))));
        Box::pin(futures::stream::iter(items))
    }

    fn description(&self) -> &str {
        "Greets whoever asks"
    }
}

/// What needs no knowledge of routes is a layer, as around any other router.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let user = match token {
        Some("Bearer of-alice") => "alice",
        Some("Bearer of-bob") => "bob",
        _ => return StatusCode::UNAUTHORIZED.into_response(),
    };
    // Threads belong to the principal: for anybody else they do not exist.
    request.extensions_mut().insert(Principal::new(user));
    next.run(request).await
}

/// What depends on the route, which is the same over REST and in an envelope.
struct Rules;

#[async_trait]
impl Hooks for Rules {
    async fn before_handler(&self, call: &Call, request: &mut Parts) -> Result<(), Halt> {
        let user = request.extensions.get::<Principal>().map(Principal::id);
        match call.route {
            RouteId::Stop if user == Some("bob") => Err(Halt::answer((StatusCode::FORBIDDEN, "Bob stops nothing."))),
            _ => Ok(()),
        }
    }

    async fn after(&self, call: Option<&Call>, answer: &mut Answered) {
        println!("{:?} answered with {}", call.map(|call| call.route), answer.status());
    }

    async fn on_error(&self, failure: &Failure) -> Option<axum::http::Response<Body>> {
        eprintln!("{} {} failed: {}: {}", failure.method, failure.path, failure.code, failure.message);
        None
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let lifecycle = LifecycleOptions {
        on_run_error: Some(Arc::new(|failure| eprintln!("run {} failed: {}", failure.run_id, failure.code))),
        ..LifecycleOptions::default()
    };
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::default()), lifecycle);
    // Mounted below `/ai`, which axum takes off the path before the surface sees it.
    let options = SurfaceOptions { base_paths: vec![String::new()], ..SurfaceOptions::default() };
    let options = options.with_hooks(Rules).with_agents(async |request: AgentsRequest| {
        let mut agents = vec![Registered::new("greeter", Greeter)];
        if request.principal.id() == "alice" {
            agents.push(Registered::new("second", Greeter));
        }
        Ok(agents)
    });
    let surface = Surface::new(lifecycle.clone(), options);
    let app = axum::Router::new()
        .nest_service("/ai", surface)
        .layer(from_fn(authenticate))
        .route("/", get(async || "A page of one's own."));

    let listener = TcpListener::bind("127.0.0.1:4000").await?;
    println!("listening on http://{}/ai", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    // Runs that are under way get ten seconds.
    let drain = async { lifecycle.drain(Duration::from_secs(10)).await };
    serve(listener, app, ServeOptions::default(), interrupted, drain).await;
    Ok(())
}
