//! What a run holds of a server, and what it can do there.

use super::seat::Seat;
use super::slot::Slot;
use crate::config::ServerConfig;
use crate::connection::{Connection, Terms};
use crate::elicit::{self, Elicit};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::listing::ToolList;
use crate::telemetry;
use copilotkit_protocol::Json;
use copilotkit_runtime::Trace;
use futures::FutureExt as _;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, PingRequest, ReadResourceRequest,
    ReadResourceRequestParams, ServerResult,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a run holds of a server. While it is held the connection stays; it is let go of when this is dropped.
pub struct Lease {
    config: Arc<ServerConfig>,
    slot: Arc<Slot>,
}

/// The parameters of a call that somebody else made.
#[derive(Deserialize)]
struct Called {
    name: String,
    arguments: Option<Map<String, Value>>,
}

/// The parameters of `resources/read`.
#[derive(Deserialize)]
struct Read {
    uri: String,
}

/// For how long a call may go on, and who answers the questions that it leads to.
#[derive(Clone, Default)]
pub struct CallTerms {
    /// Ends the call: the run was stopped.
    pub cancel: CancellationToken,
    /// Asks the person. Without it every question is declined.
    pub elicit: Option<Arc<dyn Elicit>>,
    /// Where the call hangs in the trace of its run.
    pub trace: Trace,
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerInfo {
    /// The version of the protocol that is spoken.
    pub protocol_version: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it wants to be used. Text of its author.
    pub instructions: String,
    /// Its capabilities, as it gave them.
    pub capabilities: Json,
}

impl Lease {
    pub(super) fn new(config: Arc<ServerConfig>, slot: Arc<Slot>) -> Self {
        slot.enter();
        Self { config, slot }
    }

    /// The server.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Its tools. A list that is known is given at once, also when it is about to be listed anew.
    ///
    /// # Errors
    /// When it cannot be reached or answers with something else.
    pub async fn tools(&self) -> Result<Arc<ToolList>, McpError> {
        self.slot.tools().await
    }

    /// As [`Lease::tools`], for a run: where it has to wait for the list, its trace shows that.
    ///
    /// # Errors
    /// As [`Lease::tools`].
    pub async fn tools_for(&self, trace: &Trace) -> Result<Arc<ToolList>, McpError> {
        let mut tools = pin!(self.slot.tools());
        if let Some(known) = tools.as_mut().now_or_never() {
            return known;
        }
        let request = telemetry::request(trace, &self.config, "tools/list", None);
        let listed = tools.await;
        request.end(&listed);
        listed
    }

    /// What it says about itself.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn info(&self) -> Result<ServerInfo, McpError> {
        let connection = self.slot.connection().await?;
        let info = connection.info().ok_or_else(|| self.error(ErrorKind::Protocol, "it said nothing about itself"))?;
        let server = info.server_info.clone();
        Ok(ServerInfo {
            protocol_version: info.protocol_version.to_string(),
            name: server.as_ref().map(|server| server.name.clone()).unwrap_or_default(),
            version: server.map(|server| server.version).unwrap_or_default(),
            instructions: info.instructions.clone().unwrap_or_default(),
            capabilities: Json::of(&info.capabilities),
        })
    }

    /// Calls a tool by its name at the server. The arguments are not checked here. A tool that says that it failed is a
    /// result.
    ///
    /// # Errors
    /// When there is no result: no connection, no answer in time, an error of the protocol, a stopped run.
    pub async fn call_tool(&self, name: &str, arguments: &Json, terms: &CallTerms) -> Result<CallToolResult, McpError> {
        let arguments = arguments
            .read()
            .map_err(|error| McpError::new(ErrorKind::Refused, format!("The arguments are no JSON object: {error}")))?;
        self.traced_call(name, Some(arguments), terms).await
    }

    async fn traced_call(
        &self,
        name: &str,
        arguments: Option<Map<String, Value>>,
        terms: &CallTerms,
    ) -> Result<CallToolResult, McpError> {
        let request = telemetry::request(&terms.trace, &self.config, "tools/call", Some(name));
        let mut params = CallToolRequestParams::new(name.to_owned());
        params.arguments = arguments;
        request.inject(&mut params);
        let called = async {
            let mut seat = self.seat(&terms.cancel).await?;
            request.goes_over(&seat);
            match self.run(&mut seat, params.clone(), terms).await {
                Err(error) if error.kind == ErrorKind::Closed && self.may_repeat(name).await => {
                    tracing::info!(
                        server = self.config.id,
                        tool = name,
                        "a harmless call is repeated on a new connection"
                    );
                    drop(seat);
                    self.run(&mut self.seat(&terms.cancel).await?, params, terms).await
                }
                done => done,
            }
        }
        .await;
        request.end_call(&called);
        called
    }

    /// Reads a resource: the answer to `resources/read`.
    ///
    /// # Errors
    /// As [`Lease::call_tool`].
    pub async fn read_resource(&self, uri: &str, terms: &CallTerms) -> Result<Value, McpError> {
        let request = telemetry::request(&terms.trace, &self.config, "resources/read", Some(uri));
        let mut params = ReadResourceRequestParams::new(uri);
        request.inject(&mut params);
        let read = async {
            let seat = self.seat(&terms.cancel).await?;
            request.goes_over(&seat);
            let ask = |mut seat: Seat| {
                let read = ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params.clone()));
                async move { seat.request(read, &self.terms(terms)).await }
            };
            let answer = match ask(seat).await {
                Err(error) if error.kind == ErrorKind::Closed => ask(self.seat(&terms.cancel).await?).await?,
                answer => answer?,
            };
            self.value(answer)
        }
        .await;
        request.end(&read);
        read
    }

    /// Passes on a request of a user interface: `tools/call`, `resources/read` and `ping`. The answer is the server's.
    ///
    /// # Errors
    /// Another method, parameters that do not fit, and as [`Lease::call_tool`].
    pub async fn request(&self, method: &str, params: Value, terms: &CallTerms) -> Result<Value, McpError> {
        let wrong =
            |error: serde_json::Error| McpError::new(ErrorKind::Refused, format!("The parameters do not fit: {error}"));
        match method {
            "tools/call" => {
                // Not its `_meta`, in which a client says how it wants to be told of progress.
                let Called { name, arguments } = serde_json::from_value(params).map_err(wrong)?;
                let result = self.traced_call(&name, arguments, terms).await?;
                serde_json::to_value(result).map_err(wrong)
            }
            "resources/read" => {
                let Read { uri } = serde_json::from_value(params).map_err(wrong)?;
                self.read_resource(&uri, terms).await
            }
            "ping" => {
                self.ping(terms).await?;
                Ok(Value::Object(Map::new()))
            }
            _ => Err(McpError::new(ErrorKind::Refused, format!("The method {method} is not passed on."))),
        }
    }

    async fn ping(&self, terms: &CallTerms) -> Result<(), McpError> {
        let request = telemetry::request(&terms.trace, &self.config, "ping", None);
        let pinged = async {
            let connection = self.connection(&terms.cancel).await?;
            request.goes_over(&connection);
            // The version of 2026-07-28 has no ping: that it was reached is the answer.
            if !connection.is_modern() {
                let ping = ClientRequest::PingRequest(PingRequest::default());
                connection.request(ping, &self.terms(terms)).await?;
            }
            Ok(())
        }
        .await;
        request.end(&pinged);
        pinged
    }

    /// Says in the log that a run goes on without the server, which every run would.
    pub(crate) fn is_missed(&self, error: &McpError) {
        let (server, kind) = (self.config.id.as_str(), error.kind.as_str());
        match self.slot.told.without.due() {
            Some(left_out) => {
                tracing::warn!(server, kind, left_out, "the run goes on without an MCP server");
            }
            None => tracing::debug!(server, kind, "the run goes on without an MCP server"),
        }
    }

    /// Runs work that may outlive the run, on the pool's tasks.
    pub(crate) fn spawn<F>(&self, work: F) -> Result<tokio::task::JoinHandle<F::Output>, McpError>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Ok(self.slot.pool()?.tracker.spawn(work))
    }

    /// A connection for a request in the course of which the server may ask.
    async fn seat(&self, cancel: &CancellationToken) -> Result<Seat, McpError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(self.error(ErrorKind::Cancelled, "the run was stopped")),
            seat = self.slot.seat() => seat,
        }
    }

    async fn connection(&self, cancel: &CancellationToken) -> Result<Arc<Connection>, McpError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(self.error(ErrorKind::Cancelled, "the run was stopped")),
            connection = self.slot.connection() => connection,
        }
    }

    fn terms(&self, terms: &CallTerms) -> Terms {
        Terms {
            idle: Some(self.config.timeouts.call),
            total: self.config.timeouts.call_total,
            cancel: terms.cancel.clone(),
            elicit: terms.elicit.clone(),
        }
    }

    /// One call, with the rounds of questions that it takes.
    async fn run(
        &self,
        seat: &mut Seat,
        mut params: CallToolRequestParams,
        terms: &CallTerms,
    ) -> Result<CallToolResult, McpError> {
        let pool = self.slot.pool()?;
        let server = Arc::from(self.config.id.as_str());
        let each = self.terms(terms);
        for _ in 0..limits::INPUT_ROUNDS {
            let turn = tokio::time::timeout(limits::CALL_QUEUE, pool.calls.acquire()).await;
            let Ok(Ok(turn)) = turn else { return Err(self.error(ErrorKind::Busy, "too many calls of all servers")) };
            let request = ClientRequest::CallToolRequest(CallToolRequest::new(params.clone()));
            let answer = seat.request(request, &each).await?;
            drop(turn);
            let asked = match answer {
                ServerResult::CallToolResult(result) => return Ok(result),
                ServerResult::InputRequiredResult(asked) => asked,
                // A result without any content is one too.
                ServerResult::EmptyResult(_) => return Ok(CallToolResult::default()),
                _ => return Err(self.error(ErrorKind::Protocol, "the answer to tools/call is no result of a tool")),
            };
            let questions = asked.input_requests.unwrap_or_default();
            let answers = tokio::select! {
                biased;
                () = terms.cancel.cancelled() => return Err(self.error(ErrorKind::Cancelled, "the run was stopped")),
                answers = elicit::ask_all(terms.elicit.as_deref(), &server, questions) => answers,
            };
            params.input_responses =
                Some(answers.ok_or_else(|| self.error(ErrorKind::Protocol, "it asks for what is not offered"))?);
            params.request_state = asked.request_state;
        }
        Err(self.error(ErrorKind::Protocol, "it asks again and again"))
    }

    /// Whether a call may be made twice: its server is trusted and says so. Else nobody knows what the first one did.
    async fn may_repeat(&self, name: &str) -> bool {
        self.config.trusted
            && self.slot.tools().await.is_ok_and(|list| list.get(name).is_some_and(|tool| tool.is_idempotent()))
    }

    fn value(&self, answer: ServerResult) -> Result<Value, McpError> {
        serde_json::to_value(answer).map_err(|_| self.error(ErrorKind::Protocol, "the answer cannot be written"))
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> McpError {
        McpError::about(kind, &self.config.id, detail)
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.config), Arc::clone(&self.slot))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("server", &self.config.id).finish_non_exhaustive()
    }
}
