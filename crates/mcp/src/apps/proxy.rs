//! What a user interface asks of its server, through the page that shows it and the endpoint of a run.
//!
//! Whoever can start a run can ask, and what runs in the interface is the server's own script. So it reaches nothing but
//! servers that are configured for the agent, by four methods, and there only what is meant for user interfaces.

use super::{AppServer, McpApps};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::listing::is_ui;
use crate::pool::{CallTerms, Lease};
use crate::result;
use copilotkit_protocol::{Event, Json, RunAgentInput, RunFinished, RunStarted, check_depth};
use copilotkit_runtime::{EventStream, RunContext};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

/// How much of what a page sent is repeated to it.
const REPEATED: usize = 200;

/// The member of `forwardedProps` that holds the request.
const MEMBER: &str = "\"__proxiedMCPRequest\"";

#[derive(Deserialize)]
struct Props {
    #[serde(rename = "__proxiedMCPRequest")]
    request: Option<Json>,
}

/// What is asked.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Request {
    server_id: Option<String>,
    server_hash: Option<String>,
    #[serde(default)]
    method: String,
    params: Option<Value>,
}

/// Whether a run is a request of a user interface.
pub(super) fn is_asked(input: &RunAgentInput) -> bool {
    of(input).is_some()
}

fn of(input: &RunAgentInput) -> Option<Json> {
    let props = input.forwarded_props.as_ref().filter(|props| props.get().contains(MEMBER))?;
    props.read::<Props>().ok()?.request
}

/// The run that answers it. What goes wrong is part of the answer: a user interface has no other way to hear of it.
pub(super) fn answer(apps: McpApps, context: RunContext) -> EventStream {
    async_stream::stream! {
        // The request has no thread. Clients of the reference runtime know such runs by their run's id alone.
        let id = context.input.run_id.clone();
        yield Ok(Event::from(RunStarted { thread_id: id.clone(), run_id: id.clone(), ..Default::default() }).into());
        let answered = context.pulse.during(apps.proxied(&context)).await;
        if context.cancel.is_cancelled() {
            return;
        }
        let result = Some(answered.unwrap_or_else(|refused| refused.into()));
        yield Ok(Event::from(RunFinished { thread_id: id.clone(), run_id: id, result, ..Default::default() }).into());
    }
    .boxed()
}

/// Why there is no answer, for the page.
struct Refused {
    error: String,
    code: Option<&'static str>,
}

impl From<Refused> for Json {
    fn from(Refused { error, code }: Refused) -> Self {
        let mut told = json!({ "error": error });
        if let Some(code) = code {
            told["code"] = code.into();
        }
        told.into()
    }
}

impl Refused {
    fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), code: None }
    }

    /// What happened at a server is told in its class alone: the log has the rest.
    fn failed(server: &AppServer, method: &str, error: &McpError) -> Self {
        let (name, kind) = (server.config.id.as_str(), error.kind.as_str());
        tracing::warn!(server = name, method, kind, detail = &*error.detail, "a request of a user interface failed");
        match error.kind {
            ErrorKind::Forbidden => Self { error: format!("Error: {}", error.message), code: Some(error.code()) },
            ErrorKind::Timeout | ErrorKind::TooLarge => {
                Self { code: Some(error.code()), ..Self::new("Error: MCP request failed") }
            }
            _ => Self::new("Error: MCP request failed"),
        }
    }
}

impl McpApps {
    async fn proxied(&self, context: &RunContext) -> Result<Json, Refused> {
        let request = of(&context.input).map(|request| request.read::<Request>());
        let Some(Ok(request)) = request else {
            return Err(Refused::new("Error: the request of the user interface cannot be read"));
        };
        let method = request.method.as_str();
        if !matches!(method, "tools/call" | "resources/read" | "ping" | "notifications/message") {
            let method = part(method);
            return Err(Refused::new(format!("Error: MCP method not allowed for UI proxy: {method}")));
        }
        let Some(server) = self.asked(&context.agent_id, &request) else {
            let name = request.server_id.as_ref().or(request.server_hash.as_ref());
            let name = part(name.map(String::as_str).unwrap_or_default());
            return Err(Refused::new(format!("Unknown server: {name}")));
        };
        if method == "notifications/message" {
            // A line for whoever develops it: servers take no such notification.
            let line = request.params.map(|params| params.to_string()).unwrap_or_default();
            tracing::debug!(server = server.config.id, line = part(&line), "a user interface says something");
            return Ok(json!({ "success": true }).into());
        }
        let lease = self.0.pool.lease(&server.config, &context.headers);
        let params = request.params.unwrap_or_else(|| json!({}));
        let asked = async {
            self.check(&context.agent_id, &lease, method, &params, context).await?;
            let terms = CallTerms { cancel: context.cancel.clone(), elicit: None, trace: context.trace.clone() };
            let answer = Json::from(result::tidy(lease.request(method, params, &terms).await?));
            let is_deep = check_depth(answer.get().as_bytes(), limits::SHOWN_DEPTH).is_err();
            if is_deep || answer.get().len() > limits::PROXIED {
                let detail = format!("the answer has {} bytes", answer.get().len());
                return Err(McpError::about(ErrorKind::TooLarge, &server.config.id, detail));
            }
            Ok(answer)
        };
        asked.await.map_err(|error| Refused::failed(server, method, &error))
    }

    /// The server that is meant: by its id, else by its hash where only one has it.
    fn asked(&self, agent_id: &str, request: &Request) -> Option<&AppServer> {
        if let Some(id) = &request.server_id {
            return self.0.servers.iter().find(|server| server.is_for(agent_id) && server.id.as_ref() == Some(id));
        }
        let hash = request.server_hash.as_ref()?;
        let mut having = self.0.servers.iter().filter(|server| server.is_for(agent_id) && server.hash == *hash);
        having.next().filter(|_| having.next().is_none())
    }

    /// Whether a user interface may ask for it.
    async fn check(
        &self,
        agent_id: &str,
        lease: &Lease,
        method: &str,
        params: &Value,
        context: &RunContext,
    ) -> Result<(), McpError> {
        let server = lease.config();
        let text = |key| params.get(key).and_then(Value::as_str);
        match method {
            "tools/call" => {
                let name = text("name").unwrap_or_default();
                let list = lease.tools_for(&context.trace).await?;
                // Of a tool that is not listed nobody knows whom it is for.
                let unknown = || McpError::about(ErrorKind::Refused, &server.id, "it lists no tool of that name");
                let tool = list.get(name).ok_or_else(unknown)?;
                if !tool.is_for_app() || !server.offers(name) || self.needs_leave(agent_id, name) {
                    let message = format!("The tool `{}` is not for user interfaces.", part(name));
                    return Err(McpError::new(ErrorKind::Forbidden, message));
                }
                Ok(())
            }
            "resources/read" if !text("uri").is_some_and(is_ui) => {
                Err(McpError::new(ErrorKind::Forbidden, "Only resources of the scheme `ui` can be read."))
            }
            _ => Ok(()),
        }
    }
}

/// The beginning of what somebody sent, in one line.
fn part(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(REPEATED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(props: Value) -> RunAgentInput {
        RunAgentInput { forwarded_props: Some(props.into()), ..Default::default() }
    }

    #[test]
    fn only_the_member_itself_makes_a_request() {
        assert!(is_asked(&input(json!({ "__proxiedMCPRequest": { "method": "ping" } }))));
        assert!(is_asked(&input(json!({ "__proxiedMCPRequest": "junk" }))), "it is answered that it is none");
        for other in
            [json!({}), json!(null), json!({ "a": "\"__proxiedMCPRequest\"" }), json!({ "__proxiedMCPRequest": null })]
        {
            assert!(!is_asked(&input(other.clone())), "{other}");
        }
        assert!(!is_asked(&input(json!({ "a": { "__proxiedMCPRequest": {} } }))), "deeper inside it is the page's own");
    }

    #[test]
    fn what_a_page_sent_is_repeated_in_part() {
        assert_eq!(part("tools/list\r\n\u{1b}[2J"), "tools/list[2J");
        assert_eq!(part(&"ä".repeat(1_000)).chars().count(), REPEATED);
    }
}
