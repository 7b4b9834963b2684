//! An agent of one's own: a function from what the page said to a stream of events.
//!
//! ```sh
//! cargo run -p copilotkit-examples --example custom_agent
//! copilotkit chat --url http://127.0.0.1:4000/copilotkit
//! ```

use axum::Router;
use copilotkit_examples::{Failed, until_ctrl_c};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::protocol::{Emitted, EventWriter, Message};
use copilotkit_runtime::{Agent, AgentError, AgentRegistry, EventStream, Lifecycle, LifecycleOptions};
use copilotkit_runtime::{Registered, RunContext};
use std::sync::Arc;

/// Counts the words that it is told, and keeps the count in the state that it shares with the page.
struct Counter;

impl Agent for Counter {
    fn run(&self, context: RunContext) -> EventStream {
        let input = &context.input;
        let said = input.messages.iter().rev().find_map(|message| match message {
            Message::User(message) => Some(message.content.text().into_owned()),
            _ => None,
        });
        let count = said.unwrap_or_default().split_whitespace().count();
        let mut events = Vec::new();
        let written = (|| {
            let mut run = EventWriter::start(&input.thread_id, &input.run_id, |event| events.push(event))?;
            run.state(&serde_json::json!({ "words": count }))?;
            run.text(format!("These were {count} words."))?;
            run.finish()
        })();
        let events = events.into_iter().map(|event| Ok(Emitted::from(event)));
        let failed = written.err().map(|error| Err(AgentError::failed(error.to_string())));
        Box::pin(futures::stream::iter(events.chain(failed).collect::<Vec<_>>()))
    }
}

fn app() -> (Router, Lifecycle) {
    let agents = Arc::new(AgentRegistry::new([Registered::new("default", Counter)]));
    let lifecycle = Lifecycle::new(agents, LifecycleOptions::default());
    let surface = Surface::new(lifecycle.clone(), SurfaceOptions::default());
    (Router::new().fallback_service(surface), lifecycle)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (app, lifecycle) = app();
    until_ctrl_c(app, lifecycle).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_examples::{say, words};

    #[tokio::test]
    async fn words_are_counted() {
        let events = say(&app().0, "/copilotkit", "default", "one two  three").await.unwrap();
        assert_eq!(words(&events), "These were 3 words.");
        let state = events.iter().find(|event| event["type"] == "STATE_SNAPSHOT").unwrap();
        assert_eq!(state["snapshot"]["words"], 3);
    }
}
